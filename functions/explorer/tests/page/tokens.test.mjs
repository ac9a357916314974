import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditions, tokens, wordAt } from '../../page/text/tokens.js';

test('tokens have the kinds that are coloured', () => {
  const kinds = (/** @type {string} */ query) =>
    tokens(query)
      .filter(({ kind }) => kind !== 'space')
      .map(({ kind, text }) => `${kind} ${text}`);
  assert.deepEqual(kinds('level:error -"a b" (x OR y)'), [
    'field level',
    'value :error',
    'operator -',
    'string "a b"',
    'paren (',
    'word x',
    'operator OR',
    'word y',
    'paren )',
  ]);
  assert.deepEqual(kinds('@http.status:>=500'), ['field @http.status', 'value :>=500']);
  assert.deepEqual(kinds('@"a b":"c d"'), ['field @"a b"', 'value :', 'value "c d"']);
  assert.deepEqual(kinds('http://x/y 12:30'), ['word http://x/y', 'field 12', 'value :30']);
  assert.deepEqual(kinds('a-b "open'), ['word a-b', 'string "open']);
  assert.deepEqual(kinds('"a: b"'), ['string "a: b"']);
});

test('every character is in one token', () => {
  for (const query of ['', ' ', 'a:b', '((', '"\\', '-', '@', 'x:"y', '🚀 "é" -(a)', '[a TO b] {', 'a\\"b']) {
    assert.equal(
      tokens(query)
        .map(({ text }) => text)
        .join(''),
      query,
    );
  }
});

test('conditions keep parentheses and quotes together', () => {
  assert.deepEqual(
    conditions('a  -(b OR "c d") level:(x OR y)').map(({ text }) => text),
    ['a', '-(b OR "c d")', 'level:(x OR y)'],
  );
});

test('the word at the caret is a field or a value of it', () => {
  const cases = [
    ['lev', { start: 0, end: 3, typed: 'lev' }],
    ['a -lev', { start: 3, end: 6, typed: 'lev' }],
    ['a ', { start: 2, end: 2, typed: '' }],
    ['level:er', { start: 6, end: 8, field: 'level', typed: 'er' }],
    ['level:(error OR wa', { start: 16, end: 18, field: 'level', typed: 'wa' }],
    ['-@user:', { start: 7, end: 7, field: '@user', typed: '' }],
    ['service:"my se', { start: 8, end: 14, field: 'service', typed: '"my se' }],
    ['@ms:>=1', { start: 6, end: 7, field: '@ms', typed: '1' }],
  ];
  for (const [query, expected] of cases) assert.deepEqual(wordAt(String(query), String(query).length), expected, String(query));
});
