import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { eventParser, follow } from '../../page/api/tail.js';

const STREAM =
  ': listening\nid: @0\n\nid: a@1\ndata: {"id":"a"}\n\nevent: dropped\ndata: {"count":12}\n\nid: b@2\r\ndata: {"id":\r\ndata: "b"}\r\n\r\nid: @3\n\n: \n\nevent: end\ndata: {"reason":"shutdown"}\n\n';

test('events are the same however the stream is cut into chunks', () => {
  const expected = [
    { event: 'heartbeat', data: '', id: '@0' },
    { event: 'message', data: '{"id":"a"}', id: 'a@1' },
    { event: 'dropped', data: '{"count":12}', id: 'a@1' },
    { event: 'message', data: '{"id":\n"b"}', id: 'b@2' },
    { event: 'heartbeat', data: '', id: '@3' },
    { event: 'end', data: '{"reason":"shutdown"}', id: '@3' },
  ];
  for (const size of [1, 2, 3, 7, 1000]) {
    const parse = eventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parse(STREAM.slice(at, at + size)));
    assert.deepEqual(events, expected, `chunks of ${size}`);
  }
});

test('a stream that breaks off continues after the last event', async () => {
  const controller = new AbortController();
  /** @type {(string | null)[]} */
  const requests = [];
  /** @type {string[]} */
  const received = [];
  const answers = [': listening\nid: @0\n\n', 'id: a@1\ndata: {"id":"a"}\n\n', 'id: b@2\ndata: {"id":"b"}\n\n'];
  globalThis.fetch = async (target, init) => {
    requests.push(`${target} ${new Headers(init?.headers).get('last-event-id')}`);
    const body = answers.shift();
    if (body === undefined) controller.abort();
    return new Response(body);
  };
  const listener = {
    connected() {},
    received: (/** @type {{ id: string }[]} */ entries) => received.push(...entries.map(({ id }) => id)),
    dropped() {},
    waiting() {},
  };
  await follow({ q: 'x' }, listener, controller.signal);
  assert.deepEqual(received, ['a', 'b']);
  const [first, ...others] = requests;
  assert.match(String(first), /^logs\/tail\?q=x&from=-\d+s null$/);
  assert.deepEqual(others, ['logs/tail?q=x @0', 'logs/tail?q=x a@1', 'logs/tail?q=x b@2']);
});

test('a refused query ends the tail', async () => {
  globalThis.fetch = async () => new Response('{"detail":"q: level needs a value"}', { status: 400 });
  const listener = { connected() {}, received() {}, dropped() {}, waiting() {} };
  await assert.rejects(follow({ q: 'level:' }, listener, new AbortController().signal), {
    kind: 'invalid',
    message: 'q: level needs a value',
  });
});

test('a busy server is asked again after the time that it names', async () => {
  const controller = new AbortController();
  /** @type {number[]} */
  const waits = [];
  globalThis.fetch = async () => new Response('{}', { status: 503, headers: { 'retry-after': '7' } });
  const waiting = (/** @type {unknown} */ _, /** @type {number} */ seconds) => {
    waits.push(seconds);
    controller.abort();
  };
  await follow({}, { connected() {}, received() {}, dropped() {}, waiting }, controller.signal);
  assert.deepEqual(waits, [7]);
});

test('a stream that is silent for 15 seconds is opened again', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const controller = new AbortController();
  /** @type {AbortSignal[]} */
  const signals = [];
  globalThis.fetch = async (_, init) => {
    const signal = /** @type {AbortSignal} */ (init?.signal);
    signals.push(signal);
    const start = (/** @type {ReadableStreamDefaultController} */ stream) => {
      stream.enqueue(new TextEncoder().encode('id: @1\n\n'));
      signal.addEventListener('abort', () => stream.error(signal.reason));
    };
    return new Response(new ReadableStream({ start }));
  };
  /** @type {string[]} */
  const failures = [];
  const waiting = (/** @type {Error} */ { message }) => {
    failures.push(message);
    controller.abort();
  };
  const following = follow({}, { connected() {}, received() {}, dropped() {}, waiting }, controller.signal);
  await new Promise(setImmediate);
  mock.timers.tick(14_999);
  await new Promise(setImmediate);
  assert.deepEqual(failures, []);
  mock.timers.tick(1);
  await following;
  mock.timers.reset();
  assert.deepEqual(failures, ['The server sends nothing.']);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true],
  );
});

test('a stream with an event that is not JSON is closed', async () => {
  const controller = new AbortController();
  /** @type {AbortSignal[]} */
  const signals = [];
  globalThis.fetch = async (_, init) => {
    signals.push(/** @type {AbortSignal} */ (init?.signal));
    return new Response('data: {\n\n');
  };
  await follow({}, { connected() {}, received() {}, dropped() {}, waiting: () => controller.abort() }, controller.signal);
  assert.equal(signals[0]?.aborted, true);
});
