// What to show besides or instead of rows: a failure and when the page tries again, a hint, the first entry.

import * as api from '../api/logs.js';
import { followHint, searchFragment } from '../state/actions.js';
import { report, retry, trouble } from '../state/failure.js';
import { waiting } from '../state/live.js';
import { rows } from '../state/rows.js';
import { run, stats } from '../state/search.js';
import { use } from '../state/signal.js';
import { change, view } from '../state/view.js';
import { isOpen } from '../text/correct.js';
import { count, plural } from '../text/format.js';
import { parseRange } from '../text/time.js';
import { useEffect, useState } from '../vendor/hooks.js';
import { copy, html, Logo } from './elements.js';

const POLL_MS = 1000;
const TITLES = {
  invalid: 'Invalid search',
  missing: 'Not found',
  busy: 'Too many requests',
  unavailable: 'LogPulse is unavailable',
  failed: 'Server error',
  unreachable: 'Server unreachable',
};

export function TroubleNotice() {
  const current = use(trouble);
  const q = use(view).q.trim();
  if (!current) return null;
  const { failure, retryAt } = current;
  const error = failure.errors.find(({ field }) => field === 'q');
  return html`<div class=${`trouble ${failure.kind}`} role="alert">
    <strong>${TITLES[failure.kind]}${failure.status ? html` <span class="status">(${failure.status})</span>` : ''}</strong>
    <span id=${error ? 'query-mistake' : undefined}>${textOf(failure, error)}</span>
    ${error && q && !/^".*"$/.test(q) && html`<button class="link-button" onClick=${() => searchFragment(q)}>Search for this text in quotes</button>`}
    ${retryAt && html`<${Countdown} until=${retryAt} waits=${failure.retryAfter !== undefined} />`}
    ${failure.kind === 'failed' && html`<button class="link-button" onClick=${retry}>Try again</button>`}
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
    ${!waits && seconds > 1 && html`<button class="link-button" onClick=${retry}>Try now</button>`}`;
}

export function Empty() {
  const { fresh, hint, loading, total } = use(rows);
  const counted = use(stats)?.total;
  const waits = use(waiting);
  const failed = use(trouble);
  if (loading) return html`<p class="note pad" role="status">Searching…</p>`;
  if (fresh) return html`<${FirstEntry} />`;
  // What was found may wait for the live tail to resume.
  if (failed || total || waits) return null;
  if (counted)
    return html`<p class="pad"><button class="button" onClick=${run}>Show ${plural(counted, 'new entry', 'new entries')}</button></p>`;
  return html`<${NoHits} hint=${hint} />`;
}

/** @param {{ hint: api.Hint | undefined }} props */
function NoHits({ hint }) {
  const { q, time, live } = use(view);
  const range = parseRange(time, new Date());
  return html`<div class="empty" role="status">
    <h2>${q ? 'No entries match' : 'No entries'}</h2>
    ${range?.from && html`<p class="note">Time range: ${range.label}</p>`}
    ${live && html`<p>New entries appear here as they arrive.</p>`}
    ${
      hint &&
      html`<p>${hintText(hint)}.</p>
      <p><button class="button primary" onClick=${() => followHint(hint)}>Show ${hint.total >= 10_000 ? 'them' : hint.total === 1 ? 'it' : `these ${count(hint.total)}`}</button></p>`
    }
    ${!hint && time !== 'all' && html`<p><button class="button" onClick=${() => change({ time: 'all' })}>Search all time</button></p>`}
    ${isOpen(q) && html`<p class="note">A quote or bracket is not closed.</p>`}
    ${!hint && q && html`<p class="note">Search for parts of words with quotes ("tion time") or a star (time*).</p>`}
  </div>`;
}

/** A hint in the words of the page instead of the API's parameters. @param {api.Hint} hint */
function hintText({ detail, fuzzy, without }) {
  const words = fuzzy ? 'With similar spelling' : without && 'In all time';
  return words ? detail.replace(/^.*?(?=, there )/, words) : detail.charAt(0).toUpperCase() + detail.slice(1);
}

function FirstEntry() {
  const [sending, setSending] = useState(false);
  const command = `curl ${new URL('logs', location.href).href} -H 'Content-Type: application/json' -d '{"service_name":"my-service","level":"info","message":"Hello, LogPulse!"}'`;
  useEffect(() => {
    // The first entry may come from here or from elsewhere.
    const timer = setInterval(async () => {
      const page = await api.search({ sort: 'newest', limit: 1 }).catch(() => undefined);
      if (page?.total) run();
    }, POLL_MS);
    return () => clearInterval(timer);
  }, []);
  const send = async () => {
    setSending(true);
    try {
      await api.save({ service_name: 'my-service', level: 'info', message: 'Hello, LogPulse!', attributes: { sent_from: 'explorer' } });
    } catch (error) {
      setSending(false);
      report(error, run);
    }
  };
  return html`<div class="empty first">
    <${Logo} />
    <h2>LogPulse has no entries yet</h2>
    <p>Send the first one:</p>
    <pre class="command" tabindex="0" role="region" aria-label="Command"><code>${command}</code></pre>
    <p class="actions">
      <button class="button primary" disabled=${sending} onClick=${send}>${sending ? 'Sending…' : 'Send a test entry'}</button>
      <button class="button" onClick=${() => copy(command, 'Command copied')}>Copy command</button>
    </p>
    <p class="note">LogPulse also accepts OpenTelemetry, Elasticsearch bulk, Loki push and syslog: see the <a href="docs">API docs</a>.</p>
  </div>`;
}
