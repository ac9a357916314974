// Logs with pino, either to standard output or with the transport that the argument names.
import { pino } from "pino";
import { fields, records, service, url } from "./records.js";

const transports = {
  "pino-loki": { host: url.origin, labels: { application: service } },
  "pino-elasticsearch": { node: `${url}elastic`, index: service },
};
const target = process.argv[2];
const options = { name: service, level: "debug" };
const logger = target ? pino(options, pino.transport({ target, options: transports[target] })) : pino(options);

for (const record of records) {
  const error = record.error && { err: new Error(record.error) };
  logger[record.level]({ ...fields(record), ...error }, record.message);
}
