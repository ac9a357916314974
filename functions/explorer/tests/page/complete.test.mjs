import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldAt, suggest } from '../../page/text/complete.js';

const known = {
  fields: [
    { name: 'level', share: 1, values: [{ value: 'INFO', count: 9 }] },
    {
      name: 'service_name',
      share: 1,
      values: [
        { value: 'payment', count: 5 },
        { value: 'my cart', count: 4 },
      ],
    },
    { name: 'attributes.http.status', share: 0.5, values: [] },
  ],
  recent: ['card declined'],
};

/** @param {string} query @param {{ value: string, count?: number }[]} [values] */
const completed = (query, values) =>
  suggest(query, query.length, { ...known, values }).map(({ insert, start, end }) => query.slice(0, start) + insert + query.slice(end));

test('fields and values complete what is typed', () => {
  assert.deepEqual(completed('x lev'), ['x level:']);
  assert.deepEqual(completed('-@sta'), ['-@http.status:']);
  assert.deepEqual(completed('pay'), ['service_name:payment']);
  assert.deepEqual(completed('my'), ['service_name:"my cart"']);
  assert.deepEqual(
    completed('service_name:ca', [
      { value: 'my cart', count: 4 },
      { value: 'cart', count: 1 },
    ]),
    ['service_name:cart', 'service_name:"my cart"'],
  );
  assert.deepEqual(completed('level:(error OR wa'), ['level:(error OR WARN']);
  assert.deepEqual(completed('level:>=er'), ['level:>=ERROR']);
});

test('an empty query offers recent ones, and a finished word nothing', () => {
  assert.deepEqual(completed(''), ['card declined']);
  assert.deepEqual(completed('card '), []);
  assert.deepEqual(completed('level:INFO', [{ value: 'INFO', count: 9 }]), []);
});

test('the field at the caret has the name that analytics know', () => {
  const cases = [
    ['service:pa', 'service_name'],
    ['level:', 'level'],
    ['@http.status:5', 'attributes.http.status'],
    ['http.status:5', 'attributes.http.status'],
    ['@"a b":', 'attributes.a b'],
    ['word', undefined],
  ];
  for (const [query, field] of cases) assert.equal(fieldAt(String(query), String(query).length), field, String(query));
});
