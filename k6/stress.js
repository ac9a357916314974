// Up to 600 users for seven minutes. Usage: DURATION_SCALE=0.1 k6 run -e BASE_URL=http://127.0.0.1 k6/stress.js
// All users share one address, so start LogPulse with RATE_LIMIT_ENABLED=false, as `make k6-stress` does.
import { check, fail, sleep } from 'k6';
import { entry, get, save, saveAll, search, searchUntil, word } from './api.js';

const SCALE = Number(__ENV.DURATION_SCALE || 1);
const SAVED_ENTRIES = 1000;

/** Ramps up to `max` users in steps, holds for two minutes and ramps down, in seven minutes altogether. */
function users(max, exec) {
  const stage = (share, seconds) => ({ target: Math.ceil(max * share), duration: `${Math.ceil(seconds * SCALE)}s` });
  const stages = [stage(0.2, 60), stage(0.5, 60), stage(0.8, 60), stage(1, 60), stage(1, 120), stage(0, 60)];
  return { executor: 'ramping-vus', startVUs: 0, gracefulRampDown: '10s', stages, exec };
}

const SCENARIOS = { write: users(500, 'write'), read: users(60, 'read'), search: users(40, 'find') };

export const options = {
  scenarios: SCENARIOS,
  setupTimeout: '60s',
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: Object.fromEntries(
    Object.keys(SCENARIOS).flatMap((name) => [
      [`http_req_duration{scenario:${name}}`, ['p(95)<1000']],
      [`checks{scenario:${name}}`, ['rate>0.9']],
      [`http_reqs{scenario:${name}}`, ['count>0']],
    ]),
  ),
};

/** Saves entries and waits until they are searchable; returns their ids. */
export function setup() {
  const service = `stress-${Date.now()}`;
  const saved = saveAll(Array.from({ length: SAVED_ENTRIES }, () => entry(service)));
  if (saved.status !== 201) fail(`saving the entries returned ${saved.status}: ${saved.body}`);
  const found = searchUntil(`service_name=${service}&limit=1`, SAVED_ENTRIES);
  if (found.json('total') !== SAVED_ENTRIES) fail(`only ${found.json('total')} of ${SAVED_ENTRIES} entries were found`);
  return { service, ids: saved.json('ids') };
}

export function write({ service }) {
  check(save(entry(service)), { 'is saved': (response) => response.status === 201 });
  sleep(Math.random() * 0.1);
}

export function read({ ids }) {
  const id = ids[Math.floor(Math.random() * ids.length)];
  check(get(id), { 'is the entry': (response) => response.status === 200 && response.json('id') === id });
  sleep(Math.random() * 0.3);
}

export function find({ service }) {
  const found = search(`service_name=${service}&q=${word()}&limit=20`);
  check(found, { 'finds entries': (response) => response.status === 200 && response.json('count') > 0 });
  sleep(Math.random() * 0.5);
}
