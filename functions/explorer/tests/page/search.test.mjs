import assert from 'node:assert/strict';
import { before, test } from 'node:test';

/** @type {typeof import('../../page/state/search.js')} */
let state;

before(async () => {
  // The view is that of the page's address.
  Object.assign(globalThis, { location: { search: '?q=x' } });
  state = await import('../../page/state/search.js');
});

const STATS = { total: 0, buckets: [], series: [] };

test('counts that arrive before the rows of a search without hits stay', async () => {
  let answerSearch = () => {};
  globalThis.fetch = async (target) => {
    const path = String(target);
    if (path.startsWith('logs/stats')) {
      setTimeout(() => answerSearch(), 10);
      return Response.json(STATS);
    }
    if (path.startsWith('logs/fields')) return Response.json({ total: 0, examined: 0, fields: [] });
    if (path.includes('q=x')) await new Promise((resolve) => (answerSearch = () => resolve(undefined)));
    return Response.json({ total: path.includes('q=x') ? 0 : 1, data: [] });
  };
  await state.run();
  assert.deepEqual(state.stats.value, STATS);
});

test('counts of an earlier search do not stay above an empty list', async () => {
  state.stats.value = { ...STATS, total: 9 };
  globalThis.fetch = async (target) => {
    const path = String(target);
    if (path.startsWith('logs/stats')) return Response.json({ type: 'about:blank', detail: 'The index is down.' }, { status: 500 });
    if (path.startsWith('logs/fields')) return Response.json({ total: 0, examined: 0, fields: [] });
    return Response.json({ total: path.includes('q=x') ? 0 : 1, data: [] });
  };
  await state.run();
  assert.equal(state.stats.value, undefined);
});
