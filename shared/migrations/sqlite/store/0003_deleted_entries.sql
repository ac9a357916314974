-- Whether the entry has been deleted. Its row stays without its content, so that the entry is not
-- inserted again.
ALTER TABLE log_entries ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
