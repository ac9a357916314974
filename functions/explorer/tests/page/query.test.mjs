import assert from 'node:assert/strict';
import { test } from 'node:test';
import { and, exclude, fieldName, fieldValue, include, pasted, patternsIn, stateOf, withAny } from '../../page/text/query.js';

test('a value is included once, and removed the second time', () => {
  const cases = [
    ['', 'level', 'ERROR', 'level:ERROR'],
    ['timeout', 'level', 'ERROR', 'timeout level:ERROR'],
    ['timeout level:ERROR', 'level', 'ERROR', 'timeout'],
    ['level:ERROR timeout', 'level', 'ERROR', 'timeout'],
    ['level:ERROR x', 'level', 'WARN', 'level:(ERROR OR WARN) x'],
    ['level:(ERROR OR WARN) x', 'level', 'ERROR', 'level:WARN x'],
    ['-level:ERROR x', 'level', 'ERROR', 'x level:ERROR'],
    ['a OR b', 'level', 'ERROR', '(a OR b) level:ERROR'],
    ['x', 'service_name', 'my service', 'x service_name:"my service"'],
    ['service:pay x', 'service_name', 'pay', 'x'],
    ['x', 'attributes.http.status', '500', 'x @http.status:500'],
    ['x', 'attributes.http:status', 'a"b', 'x @"http:status":"a\\"b"'],
    ['level:>=warn', 'level', 'ERROR', 'level:>=warn level:ERROR'],
    ['NOT level:INFO', 'level', 'WARN', 'NOT level:INFO level:WARN'],
    ['NOT level:ERROR foo', 'level', 'ERROR', 'foo level:ERROR'],
    ['!level:ERROR', 'level', 'ERROR', 'level:ERROR'],
    ['NOT -level:ERROR foo', 'level', 'ERROR', 'foo'],
    ['level:ERROR OR level:WARN', 'level', 'ERROR', '(level:ERROR OR level:WARN) level:ERROR'],
    ['(a)OR(level:ERROR)', 'level', 'ERROR', '((a)OR(level:ERROR)) level:ERROR'],
    ['(a OR b) level:ERROR', 'level', 'WARN', '(a OR b) level:(ERROR OR WARN)'],
    ['foo AND level:ERROR', 'level', 'ERROR', 'foo'],
    ['level:ERROR AND foo', 'level', 'ERROR', 'foo'],
    ['level:ERROR AND (a OR b)', 'level', 'ERROR', '(a OR b)'],
    ['a AND NOT level:INFO AND b', 'level', 'INFO', 'a AND b level:INFO'],
    ['"BRAND" level:ERROR b', 'level', 'ERROR', '"BRAND" b'],
    ['BRAND level:ERROR', 'level', 'ERROR', 'BRAND'],
    ['@peer:10.0.0.1:80', 'attributes.peer', '10.0.0.2:80', '@peer:(10.0.0.1:80 OR 10.0.0.2:80)'],
    ['@peer:(10.0.0.1:80 OR 10.0.0.2:80)', 'attributes.peer', '10.0.0.1:80', '@peer:10.0.0.2:80'],
    ['@user:(ann "b c")', 'attributes.user', 'b c', '@user:ann'],
    ['@user:(ann OR j*)', 'attributes.user', 'ann', '@user:(ann OR j*) @user:ann'],
    ['level:error', 'level', 'ERROR', ''],
    ['level:(error OR warn)', 'level', 'WARN', 'level:error'],
    ['user:ann', 'attributes.user', 'ann', ''],
    ['attributes.user:"ann"', 'attributes.user', 'joe', '@user:(ann OR joe)'],
  ];
  for (const [query, field, value, expected] of cases) assert.equal(include(query, field, value), expected, `${query} + ${field}:${value}`);
});

test('a value is excluded once, and no longer the second time', () => {
  const cases = [
    ['', 'level', 'INFO', '-level:INFO'],
    ['-level:INFO', 'level', 'INFO', ''],
    ['level:INFO x', 'level', 'INFO', 'x -level:INFO'],
    ['level:(INFO OR WARN)', 'level', 'INFO', 'level:WARN -level:INFO'],
    ['a OR b', 'attributes.user', 'joe', '(a OR b) -@user:joe'],
    ['level:ERROR OR foo', 'level', 'ERROR', '(level:ERROR OR foo) -level:ERROR'],
    ['NOT level:ERROR foo', 'level', 'ERROR', 'foo'],
    ['NOT level:(ERROR OR WARN) foo', 'level', 'ERROR', 'NOT level:WARN foo'],
    ['foo AND level:ERROR', 'level', 'ERROR', 'foo -level:ERROR'],
  ];
  for (const [query, field, value, expected] of cases) assert.equal(exclude(query, field, value), expected, `${query} - ${field}:${value}`);
});

test('the state of a value follows the query', () => {
  assert.equal(stateOf('x level:(ERROR OR WARN)', 'level', 'WARN'), 'included');
  assert.equal(stateOf('-@user:"a b"', 'attributes.user', 'a b'), 'excluded');
  assert.equal(stateOf('"level:ERROR"', 'level', 'ERROR'), undefined);
  assert.equal(stateOf('NOT level:error', 'level', 'ERROR'), 'excluded');
  assert.equal(stateOf('level:ERROR OR foo', 'level', 'ERROR'), undefined);
  assert.equal(stateOf('@level:ERROR', 'level', 'ERROR'), undefined);
});

test('names and values are quoted where they must be', () => {
  assert.equal(fieldName('attributes.a b'), '@"a b"');
  assert.equal(fieldName('trace_id'), 'trace_id');
  assert.equal(fieldValue('OR'), '"OR"');
  assert.equal(fieldValue('-1'), '"-1"');
  assert.equal(fieldValue('/api/v1'), '"/api/v1"');
  assert.equal(fieldValue('10.0.0.1'), '10.0.0.1');
  assert.equal(fieldValue('a*'), '"a*"');
  assert.equal(fieldValue(''), '""');
});

test('a condition is added once', () => {
  assert.equal(and('a', 'pattern:1'), 'a pattern:1');
  assert.equal(and('a pattern:1', 'pattern:1'), 'a pattern:1');
  assert.equal(and('a -(b c)', '-(b c)'), 'a -(b c)');
  assert.equal(and('a OR pattern:1', 'pattern:1'), '(a OR pattern:1) pattern:1');
});

test('a condition replaces its opposite', () => {
  assert.equal(and('pattern:1', '-pattern:1'), '-pattern:1');
  assert.equal(and('a pattern:(1 OR 2) b', '-pattern:(1 OR 2)'), 'a b -pattern:(1 OR 2)');
  assert.equal(and('NOT pattern:1 AND a', 'pattern:1'), 'a pattern:1');
  assert.equal(and('NOT pattern:1', '-pattern:1'), 'NOT pattern:1');
  assert.equal(and('pattern:(1 OR 2)', '-pattern:1'), 'pattern:(1 OR 2) -pattern:1');
});

test('a field may have any value again', () => {
  assert.equal(withAny('a level:(ERROR OR WARN)', 'level'), 'a');
  assert.equal(withAny('level:ERROR', 'level'), '');
  assert.equal(withAny('-level:ERROR', 'level'), undefined);
});

test('conditions on patterns are found and can be removed', () => {
  assert.deepEqual(patternsIn('a pattern:1 -(pattern:(2 OR 3)) b'), [
    { test: 'pattern:1', negative: false, rest: 'a -(pattern:(2 OR 3)) b' },
    { test: '(pattern:(2 OR 3))', negative: true, rest: 'a pattern:1 b' },
  ]);
  assert.deepEqual(patternsIn('a OR pattern:1'), []);
});

test('pasted text becomes a quoted fragment unless it is a query', () => {
  const cases = [
    ['[ERROR] payment failed: "x"', '', '"[ERROR] payment failed: \\"x\\""'],
    ['timeout', '', 'timeout'],
    ['4bf92f3577b34da6a3ce929d0e0e4736', '', '4bf92f3577b34da6a3ce929d0e0e4736'],
    ['level:error timeout', '', 'level:error timeout'],
    ['"already quoted"', '', '"already quoted"'],
    ['  first line \n at second', '', '"first line"'],
    ['rest of it', 'message:"the ', 'rest of it'],
    ['@user:joe', '', '@user:joe'],
    ['GET /a?b=c 200', 'x ', '"GET /a?b=c 200"'],
  ];
  for (const [text, before, expected] of cases) assert.equal(pasted(text, before), expected, text);
});

test('a long line is cut so that the quotes and what is typed already have room', () => {
  assert.equal(pasted('"'.repeat(2000), '').length, 1024);
  assert.equal(pasted('{"a": "b"}', 'x ', 9), '"{\\"a\\":"');
  assert.equal(pasted('a = b', 'x ', 2), '');
});
