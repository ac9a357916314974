import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../page/api/request.js';
import { ago, compact, leaves, percent, plural, valueAt, zone } from '../../page/text/format.js';
import { marker, parts } from '../../page/text/marks.js';

test('marks are counted in characters', () => {
  assert.deepEqual(parts('a 🚀 timeout!', [{ start: 4, end: 11 }]), [
    { text: 'a 🚀 ', hit: false },
    { text: 'timeout', hit: true },
    { text: '!', hit: false },
  ]);
  assert.deepEqual(parts('abc', [{ start: 0, end: 3 }]), [{ text: 'abc', hit: true }]);
  assert.deepEqual(
    parts('abc', [
      { start: 0, end: 2 },
      { start: 1, end: 3 },
    ]).map(({ text }) => text),
    ['ab', 'c'],
  );
  assert.deepEqual(parts('abc', []), [{ text: 'abc', hit: false }]);
});

test('words and quoted texts of a query are marked in live entries', () => {
  const marks = (/** @type {string} */ query, /** @type {string} */ message) =>
    marker(query)(message).map(({ start, end }) => message.slice(start, end));
  assert.deepEqual(marks('card "tion time" level:error', 'Card: connection timeout'), ['Card', 'tion time']);
  assert.deepEqual(marks('-card NOT x time*', 'card x timeout'), ['time']);
  assert.deepEqual(marks('', 'card'), []);
});

test('attributes are found by dotted paths', () => {
  const attributes = { http: { status: 500, 'a.b': 1 }, 'x.y': 'z', tags: ['a', 'b'], list: [{ n: 1 }, { n: 2 }], none: null };
  assert.equal(valueAt(attributes, 'http.status'), '500');
  assert.equal(valueAt(attributes, 'http.a.b'), '1');
  assert.equal(valueAt(attributes, 'x.y'), 'z');
  assert.equal(valueAt(attributes, 'list.n'), '1, 2');
  assert.equal(valueAt(attributes, 'missing'), '');
  assert.equal(valueAt(attributes, 'constructor'), '');
  assert.deepEqual(
    leaves(attributes).map(({ path, value }) => `${path}=${value}`),
    ['http.status=500', 'http.a.b=1', 'x.y=z', 'tags=a', 'tags=b', 'list.n=1', 'list.n=2', 'none=null'],
  );
});

test('numbers and times are short', () => {
  assert.equal(plural(1, 'entry', 'entries'), '1 entry');
  assert.equal(plural(12_345, 'entry', 'entries'), '12,345 entries');
  assert.deepEqual([0, 999, 1000, 5449, 99_950, 172_600, 999_960, 12_345_678].map(compact), [
    '0',
    '999',
    '1K',
    '5.4K',
    '100K',
    '173K',
    '1000K',
    '12.3M',
  ]);
  assert.equal(percent(0.0004), '< 0.1%');
  assert.equal(percent(0.034), '3.4%');
  const agoOf = (/** @type {number} */ seconds) => ago(new Date(1e12 - seconds * 1000).toISOString(), new Date(1e12));
  assert.deepEqual([0, 1, 59, 115, 600, 7140, 7200, 200_000].map(agoOf), [
    'now',
    '1 second ago',
    '59 seconds ago',
    '1 minute ago',
    '10 minutes ago',
    '119 minutes ago',
    '2 hours ago',
    '2 days ago',
  ]);
});

test('a time has its zone', () => {
  for (const [name, expected] of [
    ['Europe/Berlin', 'UTC+1'],
    ['Asia/Kolkata', 'UTC+5:30'],
    ['UTC', 'UTC'],
  ]) {
    process.env.TZ = name;
    assert.equal(zone('2026-11-27T12:00:00Z'), expected);
  }
});

test('whole numbers keep all their digits', () => {
  const text = '{"big":12345678901234567890,"list":[-1234567890123456789],"small":42,"text":": 12345678901234567890"}';
  const value = parse(text);
  assert.equal(JSON.stringify(value.small), '42');
  assert.equal(value.text, ': 12345678901234567890');
  // Node 20 does not tell a reviver the source of a number; browsers do.
  if (typeof value.big === 'bigint')
    assert.deepEqual(
      leaves(value)
        .map((leaf) => leaf.value)
        .slice(0, 2),
      ['12345678901234567890', '-1234567890123456789'],
    );
});
