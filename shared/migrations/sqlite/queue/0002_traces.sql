-- The trace that a record belongs to, as a W3C traceparent.
ALTER TABLE records ADD COLUMN traceparent TEXT;
