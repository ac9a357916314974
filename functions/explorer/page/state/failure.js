// What went wrong last, and when the page tries again.

import { Failure, isAbort } from '../api/request.js';
import { signal } from './signal.js';

/** @typedef {{ failure: Failure, retryAt?: number }} Trouble `retryAt` in milliseconds since 1970 */

const DELAYS_SECONDS = [1, 2, 5, 10, 30];
const RETRIED = new Set(['busy', 'unavailable', 'unreachable']);

/** @type {import('./signal.js').Signal<Trouble | undefined>} */
export const trouble = signal(undefined);

/** What failed, to do again. @type {Set<() => void>} */
const failed = new Set();
let attempts = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Shows a failure. What may succeed later is tried again after `Retry-After`, or after a growing delay.
 * @param {unknown} error @param {() => void} again
 */
export function report(error, again) {
  if (isAbort(error)) return;
  const failure = error instanceof Failure ? error : new Failure('failed', `The page has a defect: ${error}`);
  if (!(error instanceof Failure)) console.error(error);
  const retried = RETRIED.has(failure.kind) || failure.retryAfter !== undefined;
  if (retried || failure.kind === 'failed') failed.add(again);
  if (trouble.value?.retryAt) return;
  if (!retried) {
    trouble.value = { failure };
    return;
  }
  const seconds = failure.retryAfter ?? DELAYS_SECONDS[Math.min(attempts, DELAYS_SECONDS.length - 1)];
  attempts += 1;
  trouble.value = { failure, retryAt: Date.now() + seconds * 1000 };
  timer = setTimeout(retry, seconds * 1000);
}

/** Does again all that failed. */
export function retry() {
  const all = [...failed];
  failed.clear();
  hide();
  for (const again of all) again();
}

/** Forgets the failure, because what failed begins anew and is about to show how things are. @param {(() => void)[]} begun */
export function clear(...begun) {
  for (const again of begun) failed.delete(again);
  hide();
}

function hide() {
  clearTimeout(timer);
  trouble.value = undefined;
}

export function succeeded() {
  attempts = 0;
  if (!trouble.value) retry();
}
