// Makes each call once. Usage: k6 run -e BASE_URL=http://127.0.0.1 k6/smoke.js
import { check } from 'k6';
import { bulk, context, deleteEntries, deleteEntry, docs, entry, explorer, exportEntries, exportLogs, fields, get, patterns, ping, pushToLoki, save, saveAll, saveAny, search, searchUntil, stats, tail } from './api.js';

export const options = { vus: 1, iterations: 1, thresholds: { checks: ['rate==1'] } };

const is = (status) => ({ [`is ${status}`]: (response) => response.status === status });
const isProblem = (status) => ({ ...is(status), 'is a problem': (response) => response.headers['Content-Type'] === 'application/problem+json' });

/** Whether NDJSON has a line for each of the entries, and then the end of the stream. */
const isTail = (ndjson, entries) => {
  const lines = ndjson.trim().split('\n').map((line) => JSON.parse(line));
  const end = lines.pop();
  const ids = (list) => list.map((entry) => entry.id).sort().join();
  return end.event === 'end' && end.reason === 'limit' && ids(lines) === ids(entries);
};

export default function () {
  const service = `smoke-${Date.now()}`;
  check(ping(), { ...is(200), 'returns pong': (response) => response.json('message') === 'pong' });

  const saved = save(entry(service));
  check(saved, { ...is(201), 'has an id and its location': (response) => response.headers.Location === `/logs/${response.json('id')}` });
  const batch = saveAll([entry(service), { service_name: service }, entry(service)]);
  check(batch, { ...is(201), 'accepts two of three': (response) => response.json('accepted') === 2 && response.json('rejected') === 1 });

  check(saveAny({ app: service, lvl: 'warn', msg: 'from any logger' }), { ...is(200), 'accepts the record': (response) => response.json('accepted') === 1 });
  check(exportLogs([entry(service), entry(service)]), { ...is(200), 'is no partial success': (response) => !response.json('partialSuccess') });
  check(bulk(service, { message: 'from a client of Elasticsearch' }), { ...is(200), 'creates the document': (response) => response.json('errors') === false });
  check(pushToLoki({ service_name: service, level: 'warn' }, 'from a Loki client'), is(204));

  const found = get(saved.json('id'), { Prefer: 'wait=10' });
  check(found, { ...is(200), 'is the entry': (response) => response.json('service_name') === service });
  const page = searchUntil(`service_name=${service}`, 8);
  check(page, { ...is(200), 'has each of the eight entries once': (response) => response.json('count') === 8 && response.json('total') === 8 });

  check(context(saved.json('id')), { ...is(200), 'contains the entry': (response) => response.json('data')[response.json('position')].id === saved.json('id') });

  check(exportEntries(`service_name=${service}`), { ...is(200), 'has a line for each of the eight entries': (response) => response.body.trim().split('\n').length === 8 });

  const tailed = tail(`service_name=${service}&from=-5m&limit=8`);
  check(tailed, { ...is(200), 'has the eight entries and the end': (response) => isTail(response.body, page.json('data')) });

  check(stats(`service_name=${service}&by=level`), { ...is(200), 'counts the eight entries': (response) => response.json('total') === 8 });
  check(patterns(`service_name=${service}`), { ...is(200), 'groups the eight entries': (response) => response.json('total') === 8 && response.json('other') === 0 });
  check(fields(`service_name=${service}`), { ...is(200), 'lists the service name': (response) => response.json('fields').some((field) => field.name === 'service_name') });

  // Off unless DELETE_ENABLED is true.
  const counted = deleteEntries(`service_name=${service}&dry_run=true`);
  if (counted.status === 403) {
    check(counted, isProblem(403));
  } else {
    check(counted, { ...is(200), 'counts the eight entries': (response) => response.json('matched') === 8 });
    check(deleteEntry(saved.json('id')), is(204));
    check(get(saved.json('id')), isProblem(410));
  }

  check(docs('/openapi.json'), { ...is(200), 'is OpenAPI 3': (response) => response.json('openapi').startsWith('3.') });
  check(docs('/docs/'), is(200));
  check(explorer(), { ...is(200), 'is a page': (response) => response.headers['Content-Type'].startsWith('text/html') });

  check(save({ service_name: service }), isProblem(400));
  check(search('sort=best'), isProblem(400));
  check(get('17'), isProblem(404));
}
