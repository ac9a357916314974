import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Failure } from '../../page/api/request.js';
import { clear, report, succeeded, trouble } from '../../page/state/failure.js';

const down = new Failure('unavailable', 'The store is down.');

test('all that failed is done again together', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  /** @type {string[]} */
  const done = [];
  const search = () => done.push('search');
  report(down, search);
  report(down, () => done.push('entry'));
  report(down, search);
  report(new DOMException('', 'AbortError'), () => done.push('cancelled'));
  mock.timers.tick(999);
  assert.deepEqual(done, []);
  mock.timers.tick(1);
  assert.deepEqual(done, ['search', 'entry']);
  assert.equal(trouble.value, undefined);
  mock.timers.reset();
});

test('what failed is done again once another search succeeds', () => {
  /** @type {string[]} */
  const done = [];
  const search = () => done.push('search');
  report(down, search);
  report(down, () => done.push('entry'));
  clear(search);
  assert.deepEqual([done, trouble.value], [[], undefined]);
  succeeded();
  succeeded();
  assert.deepEqual(done, ['entry']);
});
