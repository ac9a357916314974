// The API calls, shared by all scripts.
import http from 'k6/http';
import { sleep } from 'k6';

const URL = __ENV.BASE_URL || 'http://127.0.0.1';
if (!/^https?:\/\/./.test(URL)) throw new Error(`BASE_URL is ${URL}: is the cluster running?`);
const JSON_BODY = { headers: { 'Content-Type': 'application/json' } };
const NDJSON_BODY = { headers: { 'Content-Type': 'application/x-ndjson' } };
const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'];
const WORDS = ['card', 'declined', 'timeout', 'retry', 'checkout', 'order', 'refund', 'gateway'];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A random entry for a service. */
export function entry(service) {
  const message = `${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)} after ${Math.floor(Math.random() * 1000)} ms`;
  return { service_name: service, level: pick(LEVELS), message, attributes: { order: Math.floor(Math.random() * 1e6) } };
}

export const word = () => pick(WORDS);
export const ping = () => http.get(`${URL}/ping`);
export const save = (log) => http.post(`${URL}/logs`, JSON.stringify(log), { ...JSON_BODY, tags: { name: 'POST /logs' } });
export const saveAll = (logs) =>
  http.post(`${URL}/logs/batch?ids=true`, logs.map((log) => JSON.stringify(log)).join('\n'), { ...NDJSON_BODY, tags: { name: 'POST /logs/batch' } });
export const exportLogs = (logs) => {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: logs[0].service_name } }] };
  const logRecords = logs.map((log) => ({ severityText: log.level, body: { stringValue: log.message } }));
  const body = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  return http.post(`${URL}/v1/logs`, body, { ...JSON_BODY, tags: { name: 'POST /v1/logs' } });
};
export const saveAny = (record) => http.post(`${URL}/logs/any`, JSON.stringify(record), { ...JSON_BODY, tags: { name: 'POST /logs/any' } });
export const bulk = (index, document) =>
  http.post(`${URL}/_bulk`, `${JSON.stringify({ create: { _index: index } })}\n${JSON.stringify(document)}\n`, { ...NDJSON_BODY, tags: { name: 'POST /_bulk' } });
export const pushToLoki = (labels, line) =>
  http.post(`${URL}/loki/api/v1/push`, JSON.stringify({ streams: [{ stream: labels, values: [[`${Date.now()}000000`, line]] }] }), {
    ...JSON_BODY,
    tags: { name: 'POST /loki/api/v1/push' },
  });
export const get = (id, headers = {}) => http.get(`${URL}/logs/${id}`, { headers, tags: { name: 'GET /logs/{id}' } });
export const search = (query) => http.get(`${URL}/logs/search?${query}`, { tags: { name: 'GET /logs/search' } });
export const context = (id) => http.get(`${URL}/logs/${id}/context`, { tags: { name: 'GET /logs/{id}/context' } });
export const exportEntries = (query) => http.get(`${URL}/logs/export?${query}`, { tags: { name: 'GET /logs/export' } });
export const tail = (query) => http.get(`${URL}/logs/tail?${query}`, { headers: { Accept: 'application/x-ndjson' }, tags: { name: 'GET /logs/tail' } });
export const stats = (query) => http.get(`${URL}/logs/stats?${query}`, { tags: { name: 'GET /logs/stats' } });
export const patterns = (query) => http.get(`${URL}/logs/patterns?${query}`, { tags: { name: 'GET /logs/patterns' } });
export const fields = (query) => http.get(`${URL}/logs/fields?${query}`, { tags: { name: 'GET /logs/fields' } });
export const deleteEntry = (id) => http.del(`${URL}/logs/${id}`, null, { tags: { name: 'DELETE /logs/{id}' } });
export const deleteEntries = (query) => http.post(`${URL}/logs/delete?${query}`, null, { tags: { name: 'POST /logs/delete' } });
export const docs = (path) => http.get(`${URL}${path}`);
export const explorer = () => http.get(`${URL}/`, { headers: { Accept: 'text/html' } });

/** Searches until `total` entries are found, for up to 20 seconds; returns the last response. */
export function searchUntil(query, total) {
  for (let attempt = 0; ; attempt += 1) {
    const found = search(query);
    if (attempt === 100 || (found.status === 200 && found.json('total') >= total)) return found;
    sleep(0.2);
  }
}
