import assert from 'node:assert/strict';
import { before, test } from 'node:test';

/** @type {typeof import('../../page/state/rows.js')} */
let state;

before(async () => {
  // The view is that of the page's address.
  Object.assign(globalThis, { location: { search: '' } });
  state = await import('../../page/state/rows.js');
});

/** @param {string} id */
const entry = (id) => ({ id, timestamp: '2026-11-27T12:00:00Z', level: 'INFO', service_name: 'a', message: 'b' });

/** @type {import('../../page/state/search.js').Applied} */
const SEARCH = { filters: { q: 'b' }, range: { moving: true, text: 'all', label: 'All time' }, sort: 'newest', at: new Date() };

/** Answers requests with pages of one entry, the next when `next` is called. */
function pages() {
  /** @type {(() => void)[]} */
  const waiting = [];
  let sent = 0;
  globalThis.fetch = async () => {
    sent += 1;
    const page = { total: 9, data: [entry(`found ${sent}`)], next_cursor: `after ${sent}` };
    await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    return Response.json(page);
  };
  return { next: () => waiting.shift()?.() };
}

const ids = () => state.rows.value.items.map((row) => row.entry.id);

test('a page that arrives after the rows were cut leaves no hole', async () => {
  const { next } = pages();
  const first = state.loadFirstRows(SEARCH, new AbortController().signal);
  next();
  await first;
  assert.deepEqual([ids(), state.rows.value.more], [['found 1'], true]);
  const more = state.loadMore();
  const live = Array.from({ length: 10_001 }, (_, n) => entry(`live ${n}`));
  state.prepend(state.unknownRows(live, () => []));
  next();
  await more;
  assert.deepEqual([ids().length, ids().at(-1), state.rows.value.more], [10_000, 'live 9999', false]);
});

test('an entry is added once, unless it was dropped', () => {
  const added = state.unknownRows([entry('x')], () => []);
  assert.equal(added.length, 1);
  assert.deepEqual(
    state.unknownRows([entry('x')], () => []),
    [],
  );
  state.forget(added);
  assert.equal(state.unknownRows([entry('x')], () => []).length, 1);
});
