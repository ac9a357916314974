import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corrections, isOpen } from '../../page/text/correct.js';

/** @param {string} name @param {...string} values */
const field = (name, ...values) => ({ name, values: values.map((value) => ({ value })) });

const FIELDS = [
  field('level', 'ERROR'),
  field('service_name', 'shipping', 'web shop'),
  field('attributes.user', 'joe'),
  field('attributes.http.status', '500'),
];

test('a field that no entry has is replaced by the closest one', () => {
  const cases = [
    ['servce:auth', 'service:auth'],
    ['lvl:error x', 'level:error x'],
    ['msg:"a b"', 'message:"a b"'],
    ['-usr:joe', '-@user:joe'],
    ['status:>=500', '@http.status:>=500'],
    ['levl:>=warn AND (sevrice:a)', 'level:>=warn AND (service:a)'],
  ];
  for (const [query = '', expected] of cases) assert.deepEqual(corrections(query, FIELDS), [expected]);
  for (const query of ['user:joe', '@user:joe', 'service:a', 'pattern:1', 'zone:a', '12:30', '"lvl: a"', ''])
    assert.deepEqual(corrections(query, FIELDS), []);
});

test('a value that no entry has is replaced by the closest one', () => {
  const cases = [
    ['level:fatl', 'level:FATAL'],
    ['level:>=wran x', 'level:>=WARN x'],
    ['service_name:shiping', 'service_name:shipping'],
    ['x -service:Shipping', 'x -service:shipping'],
    ['service:webshop', 'service:"web shop"'],
    ['(sevrice:shiping)', '(service:shipping)'],
  ];
  for (const [query = '', expected] of cases) assert.deepEqual(corrections(query, FIELDS), [expected]);
  for (const query of ['level:error', 'level:ERROR', 'level:err*', 'service:billing', 'service:shipp*', '@http.status:501', 'shiping'])
    assert.deepEqual(corrections(query, FIELDS), []);
});

test('what a terminal shows before a message is cut', () => {
  const lines = [
    '2026-11-25T14:00:12.123Z ERROR payment failed',
    'Nov 25 14:00:12 host app[12]: payment failed',
    '[2026-11-25 14:00:12] [error] payment failed',
    '2026-11-25 14:00:12,123 - main - ERROR - payment failed',
    'web-1  | ERROR: payment failed',
    'E1125 14:00:12.123456 1 main.go:12] payment failed',
  ];
  for (const line of lines) assert.equal(corrections(`"${line}"`, []).at(-1), '"payment failed"');
  assert.deepEqual(corrections('a "ERROR 5 \\"b\\" failed" c', []), ['a "5 \\"b\\" failed" c', 'a "\\"b\\" failed" c']);
  for (const query of ['"payment of order 5 failed"', '"ERROR 5"', 'ERROR payment']) assert.deepEqual(corrections(query, []), []);
});

test('an open quote or bracket is found', () => {
  for (const query of ['"a', 'level:error "', '(a OR b', 'status:[1 TO 2']) assert.equal(isOpen(query), true, query);
  for (const query of ['"a (b"', '"a \\" b"', '(a) [b]', ':)', '']) assert.equal(isOpen(query), false, query);
});
