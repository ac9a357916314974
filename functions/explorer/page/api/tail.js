// The live tail: Server-Sent Events, and a stream that continues where it broke off, on any replica.

import { Failure, parse, send, url } from './request.js';

/** @typedef {{ event: string, data: string, id: string }} ServerEvent `id` is that of the latest event that had one */

/**
 * A parser to call with each chunk; it returns the events that are complete.
 * @returns {(chunk: string) => ServerEvent[]}
 */
export function eventParser() {
  let rest = '';
  let lastId = '';
  return (chunk) => {
    const blocks = (rest + chunk).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    /** @type {ServerEvent[]} */
    const events = [];
    for (const block of blocks) {
      const { data, event, id } = parseBlock(block);
      if (id !== undefined) lastId = id;
      // A heartbeat has an id only: how far the queue has been read.
      if (data !== undefined) events.push({ event: event ?? 'message', data, id: lastId });
      else if (id !== undefined) events.push({ event: 'heartbeat', data: '', id });
    }
    return events;
  };
}

/** @param {string} block */
function parseBlock(block) {
  /** @type {Record<string, string | undefined>} */
  const fields = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0 || !line) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    fields[name] = name === 'data' && fields.data !== undefined ? `${fields.data}\n${value}` : value;
  }
  return { data: fields.data, event: fields.event, id: fields.id };
}

/**
 * @typedef {import('./logs.js').LogEntry} LogEntry
 * @typedef {object} Listener
 * @property {() => void} connected
 * @property {(entries: LogEntry[]) => void} received entries in the order of their arrival
 * @property {(count: number) => void} dropped entries that the server left out, because this client reads too slowly
 * @property {(failure: Failure, seconds: number) => void} waiting the stream broke off; it reconnects after some seconds
 */

const OVERLAP_SECONDS = 5;
const FIRST_DELAY_SECONDS = 0.5;
const MAX_DELAY_SECONDS = 15;
/** The server sends something every five seconds. */
const MAX_SILENCE_MS = 15_000;

/**
 * Follows the entries until the signal aborts. A broken stream continues after the last event.
 * @param {import('./logs.js').Filters} filters @param {Listener} listener @param {AbortSignal} signal
 */
export async function follow({ q, fuzzy }, listener, signal) {
  let lastId = '';
  let delay = FIRST_DELAY_SECONDS;
  const started = Date.now();
  while (!signal.aborted) {
    try {
      // Without an id, a stream begins a little in the past: what arrived just now may not be searchable yet.
      const past = `-${OVERLAP_SECONDS + Math.ceil((Date.now() - started) / 1000)}s`;
      const target = url('logs/tail', { q, fuzzy, from: lastId ? undefined : past });
      const headers = { accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) };
      await read(target, { headers, signal, cache: 'no-store' }, listener, (id) => {
        lastId = id;
        delay = FIRST_DELAY_SECONDS;
      });
      throw new Failure('unreachable', 'The stream ended.');
    } catch (error) {
      if (signal.aborted) return;
      const failure = error instanceof Failure ? error : new Failure('unreachable', 'The stream broke off.');
      if (failure.kind === 'invalid' || failure.kind === 'missing') throw failure;
      const seconds = failure.retryAfter ?? delay;
      listener.waiting(failure, seconds);
      await wait(seconds, signal);
      delay = Math.min(delay * 2, MAX_DELAY_SECONDS);
    }
  }
}

/**
 * Reads a stream until it ends or is silent for too long.
 * @param {string} target @param {RequestInit & { signal: AbortSignal }} init @param {Listener} listener @param {(id: string) => void} seen
 */
async function read(target, init, listener, seen) {
  const attempt = new AbortController();
  const silent = () => attempt.abort(new Failure('unreachable', 'The server sends nothing.'));
  let timer = setTimeout(silent, MAX_SILENCE_MS);
  try {
    const response = await send(target, { ...init, signal: AbortSignal.any([init.signal, attempt.signal]) });
    listener.connected();
    const events = eventParser();
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(silent, MAX_SILENCE_MS);
      deliver(events(decoder.decode(part.value, { stream: true })), listener, seen);
    }
  } finally {
    clearTimeout(timer);
    attempt.abort();
  }
}

/** @param {ServerEvent[]} events @param {Listener} listener @param {(id: string) => void} seen */
function deliver(events, listener, seen) {
  /** @type {LogEntry[]} */
  const entries = [];
  for (const { event, data, id } of events) {
    if (event === 'message') entries.push(parse(data));
    if (event === 'dropped') listener.dropped(JSON.parse(data).count);
    if (id) seen(id);
  }
  if (entries.length) listener.received(entries);
}

/** @param {number} seconds @param {AbortSignal} signal @returns {Promise<void>} */
function wait(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  });
}
