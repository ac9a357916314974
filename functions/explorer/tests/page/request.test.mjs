import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json, send } from '../../page/api/request.js';

test('a failure is named after the response', async () => {
  /** @type {[number, string | undefined, string, number | undefined][]} */
  const cases = [
    [400, undefined, 'invalid', undefined],
    [404, '1', 'missing', 1],
    [429, '0', 'busy', 1],
    [500, undefined, 'failed', undefined],
    [503, '7', 'unavailable', 7],
  ];
  for (const [status, after, kind, retryAfter] of cases) {
    globalThis.fetch = async () => new Response('{"detail":"why"}', { status, headers: after ? { 'retry-after': after } : {} });
    await assert.rejects(send('logs'), { kind, status, retryAfter, message: 'why' });
  }
});

test('a body that breaks off is an unreachable server, and a cancelled one is neither', async () => {
  const broken = (/** @type {unknown} */ error) => new ReadableStream({ start: (stream) => stream.error(error) });
  for (const status of [200, 500]) {
    globalThis.fetch = async () => new Response(broken(new DOMException('', 'AbortError')), { status });
    await assert.rejects(json('logs'), { name: 'AbortError' }, String(status));
  }
  globalThis.fetch = async () => new Response(broken(new TypeError('network error')));
  await assert.rejects(json('logs'), { kind: 'unreachable' });
});
