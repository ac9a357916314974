import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_VIEW, formatAddress, parseAddress } from '../../page/state/address.js';

test('an address brings back the same view', () => {
  /** @type {Partial<import('../../page/state/address.js').View>[]} */
  const views = [
    {},
    { q: 'a & b = "c" #1 + ü', time: '2026-11-25T13:00:00Z..2026-11-25T14:00:00Z' },
    {
      fuzzy: true,
      wrap: true,
      live: true,
      tab: 'patterns',
      new: true,
      entry: '0190163d-8694-739b-aea5-966c26f8ad91',
      panel: 'context',
    },
    { sort: 'oldest', columns: [] },
    { columns: ['level', 'attributes.a,b', 'attributes.ü%2C'] },
  ];
  for (const patch of views) {
    const view = { ...DEFAULT_VIEW, ...patch };
    const address = formatAddress(view);
    assert.deepEqual(parseAddress(address === './' ? '' : address), view, address);
  }
});

test('the default view has a short address', () => {
  assert.equal(formatAddress(DEFAULT_VIEW), './');
  assert.equal(formatAddress({ ...DEFAULT_VIEW, q: 'x' }), '?q=x');
});

test('a live tail has the newest entries of a range that ends now', () => {
  assert.deepEqual(parseAddress('?live=1&sort=oldest&time=2h'), { ...DEFAULT_VIEW, live: true, time: '2h' });
  for (const time of ['yesterday', '2026-11-25', 'soon']) assert.equal(parseAddress(`?live=1&time=${time}`).live, false, time);
});

test('unknown values of an address mean the default', () => {
  assert.deepEqual(parseAddress('?columns=%25'), DEFAULT_VIEW);
  assert.deepEqual(parseAddress('?sort=upwards&tab=x&panel=&unknown=1'), DEFAULT_VIEW);
});
