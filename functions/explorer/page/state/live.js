// The live tail of the view's query.

import { follow } from '../api/tail.js';
import { marker } from '../text/marks.js';
import { parseRange } from '../text/time.js';
import { report } from './failure.js';
import { active, forget, forgetLive, prepend, rows, unknownRows } from './rows.js';
import { refreshCounts, run } from './search.js';
import { signal } from './signal.js';
import { change, view } from './view.js';

/** @typedef {'off' | 'connecting' | 'live' | 'reconnecting'} LiveState */

/** @type {import('./signal.js').Signal<LiveState>} */
export const state = signal(/** @type {LiveState} */ ('off'));
export const paused = signal(false);
/** Whether the list is scrolled away from its top, where new rows would push away what is being read. */
export const away = signal(false);
/** Entries that wait until the list may move. */
export const waiting = signal(0);
/** Entries a second. */
export const rate = signal(0);
/** Why the tail reconnects. */
export const problem = signal('');
/** Entries that are missing, because there were too many. */
export const missing = signal(0);

const MAX_WAITING = 10_000;
const RATE_SECONDS = 5;
const STATS_SECONDS = 5;
const FLUSH_MS = 50;

/** @type {import('./rows.js').Row[]} */
let queue = [];
/** @type {{ at: number, count: number }[]} */
let arrivals = [];
let flushing = 0;
let ticks = 0;
let timer = 0;
let controller = new AbortController();

/** Starts, restarts or ends the tail, as the view says. */
export function follows() {
  const { live, q, fuzzy } = view.value;
  stop();
  if (!live) return showQueue();
  queue = [];
  controller = new AbortController();
  const { signal: aborted } = controller;
  state.value = 'connecting';
  forgetLive();
  timer = window.setInterval(tick, 1000);
  const mark = marker(q);
  let searched = false;
  follow(
    { q: q.trim() || undefined, fuzzy: fuzzy || undefined },
    {
      connected: () => {
        // The first time, search again: what arrived since the last search, and before the stream began, is in neither.
        if (!searched) run();
        searched = true;
        state.value = 'live';
        problem.value = '';
      },
      received: (entries) => receive(unknownRows(entries, mark)),
      dropped: (count) => (missing.value += count),
      waiting: ({ message }) => {
        state.value = 'reconnecting';
        problem.value = message;
      },
    },
    aborted,
  ).catch((error) => {
    change({ live: false }, { replace: true });
    report(error, run);
  });
}

function stop() {
  controller.abort();
  clearInterval(timer);
  clearTimeout(flushing);
  arrivals = [];
  flushing = 0;
  state.value = 'off';
  problem.value = '';
  paused.value = false;
  waiting.value = rate.value = missing.value = 0;
}

/** @param {import('./rows.js').Row[]} added */
function receive(added) {
  if (!added.length) return;
  arrivals.push({ at: Date.now(), count: added.length });
  queue.push(...added);
  const left = queue.splice(0, queue.length - MAX_WAITING);
  missing.value += left.length;
  forget(left);
  flushing ||= window.setTimeout(flush, FLUSH_MS);
}

/** Shows what waits, unless the reader wants the list to stand still. */
function flush() {
  flushing = 0;
  // The rows of an earlier search stay until those of this one replace them.
  if (rows.value.loading && queue.length) flushing = window.setTimeout(flush, FLUSH_MS);
  else if (paused.value || away.value) waiting.value = queue.length;
  else showQueue();
}

function showQueue() {
  waiting.value = 0;
  const added = queue.reverse();
  queue = [];
  if (added.length) prepend(added);
}

export function pause() {
  paused.value = true;
}

/** Shows what waits, at the top of the list: no row is kept in view. */
export function resume() {
  active.value = -1;
  document.getElementById('grid')?.scrollTo(0, 0);
  paused.value = away.value = false;
  flush();
}

/** Called by the list when it has been scrolled. @param {boolean} scrolledAway */
export function scrolled(scrolledAway) {
  if (away.value === scrolledAway) return;
  away.value = scrolledAway;
  if (!scrolledAway) flush();
}

function tick() {
  const since = Date.now() - RATE_SECONDS * 1000;
  arrivals = arrivals.filter(({ at }) => at >= since);
  rate.value = arrivals.reduce((sum, { count }) => sum + count, 0) / RATE_SECONDS;
  ticks += 1;
  if (ticks % STATS_SECONDS === 0 && state.value === 'live' && !document.hidden) refreshCounts();
}

export function toggleLive() {
  const { live, time } = view.value;
  if (live) return change({ live: false });
  const moving = parseRange(time, new Date())?.moving;
  change({ live: true, tab: 'entries', ...(!moving && { time: '15m' }) });
}
