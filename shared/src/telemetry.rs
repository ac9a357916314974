//! What a person on call reads: logs by `tracing`, figures by `metrics`.
