// Shared by the programs: the records to log, and where to send them.
import { readFileSync } from "node:fs";

export const url = new URL(process.env.LOGPULSE_URL);
export const service = process.env.SERVICE;
export const records = JSON.parse(readFileSync(process.env.RECORDS, "utf8"));

// Returns the fields of a record other than its level and message, for loggers without support for traces.
export function fields({ attributes, trace_id, span_id }) {
  return trace_id ? { ...attributes, trace_id, span_id } : attributes;
}
