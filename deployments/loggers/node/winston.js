// Logs with winston and the transport that the argument names: `http` sends each record as JSON to /logs/any.
import winston from "winston";
import LokiTransport from "winston-loki";
import { fields, records, service, url } from "./records.js";

const { format } = winston;
const transports = {
  http: () => new winston.transports.Http({ host: url.hostname, port: url.port, path: "/logs/any" }),
  loki: () => new LokiTransport({ host: url.origin, labels: { app: service }, format: format.json() }),
};
const logger = winston.createLogger({
  level: "debug",
  format: format.combine(format.timestamp(), format.json()),
  defaultMeta: { service },
  transports: [transports[process.argv[2]]()],
});

for (const record of records) {
  const error = record.error && { stack: new Error(record.error).stack };
  logger.log(record.level, record.message, { ...fields(record), ...error });
}
logger.end();
