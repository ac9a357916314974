// What went wrong, as it is, and when the page tries again.

import { searchFragment } from '../state/actions.js';
import { trouble } from '../state/failure.js';
import { run } from '../state/search.js';
import { view } from '../state/view.js';
import { useEffect, useState } from '../vendor/hooks.js';
import { html } from './html.js';

const TITLES = {
  invalid: 'This cannot be searched',
  busy: 'Too many requests',
  unavailable: 'LogPulse is unavailable',
  failed: 'Something failed',
  unreachable: 'No connection',
};

export function TroubleNotice() {
  const current = trouble.value;
  if (!current) return null;
  const { failure, retryAt } = current;
  const error = failure.errors.find(({ field }) => field === 'q');
  const q = view.value.q.trim();
  return html`<div class=${`trouble ${failure.kind}`} role="alert">
    <strong>${TITLES[failure.kind]}${failure.status ? html` <span class="status">(${failure.status})</span>` : ''}</strong>
    <span id=${error ? 'query-mistake' : undefined}>${textOf(failure, error)}</span>
    ${error && q && !/^".*"$/.test(q) && html`<button type="button" class="link-button" onClick=${() => searchFragment(q)}>Search for this text in quotes</button>`}
    ${retryAt && html`<${Countdown} until=${retryAt} waits=${failure.retryAfter !== undefined} />`}
    ${failure.kind === 'failed' && html`<button type="button" class="link-button" onClick=${run}>Try again</button>`}
  </div>`;
}

/** @param {import('../api/request.js').Failure} failure @param {{ detail: string } | undefined} error */
function textOf(failure, error) {
  const text = (error?.detail ?? failure.message).replace(/; to find this text, write all of it in quotes: [\s\S]*$/, '');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/[^.!?]$/, '$&.');
}

/** @param {{ until: number, waits: boolean }} props `waits`: whether the server said how long to wait */
function Countdown({ until, waits }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [until]);
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return html`<span class="countdown" aria-live="off">Trying again ${seconds ? `in ${seconds} s` : 'now'}.</span>
    ${!waits && seconds > 1 && html`<button type="button" class="link-button" onClick=${run}>Try now</button>`}`;
}
