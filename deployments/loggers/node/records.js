// What the programs share: the records to log, and where to send them.
import { readFileSync } from "node:fs";

export const url = new URL(process.env.LOGPULSE_URL);
export const service = process.env.SERVICE;
export const records = JSON.parse(readFileSync(process.env.RECORDS, "utf8"));

// Returns the fields of a record besides its level and message, as a logger without a notion of traces takes them.
export function fields({ attributes, trace_id, span_id }) {
  return trace_id ? { ...attributes, trace_id, span_id } : attributes;
}
