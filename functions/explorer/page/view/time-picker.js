// The range of time: quick choices, typed, or two times.

import { applied } from '../state/search.js';
import { change, view } from '../state/view.js';
import { parseRange } from '../text/time.js';
import { useState } from '../vendor/hooks.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { Popover } from './popover.js';

const QUICK = ['5m', '15m', '1h', '6h', '24h', '7d', '30d', 'today', 'yesterday', 'all'];

/** @param {string} text */
const labelOf = (text) => parseRange(text, new Date())?.label ?? text;

export function TimePicker() {
  const label = labelOf(view.value.time);
  const face = html`<${Icon} name="clock" /><span class="time-label">${label}</span><${Icon} name="down" />`;
  return html`<${Popover} label=${`Time range: ${label}`} face=${face} align="end" name="time-range">${(/** @type {() => void} */ close) => html`<${TimeWindow} close=${close} />`}<//>`;
}

/** @param {{ close: () => void }} props */
function TimeWindow({ close }) {
  const [typed, setTyped] = useState('');
  const range = typed.trim() ? parseRange(typed, new Date()) : undefined;
  /** @param {string} time */
  const choose = (time) => {
    close();
    change({ time });
  };
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    if (range) choose(range.text);
  };
  const hint = !typed.trim() ? '15m, yesterday, 2026-11-25 14:00..15:00' : range ? range.label : 'This is not a range of time.';
  return html`<form onSubmit=${submit}>
      <input class="text-input" aria-label="Type a time range" aria-describedby="time-hint" aria-invalid=${Boolean(typed.trim() && !range)} placeholder="15m" autocomplete="off" spellcheck=${false}
        value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)} />
      <p id="time-hint" class="note" role="status">${hint}</p>
    </form>
    <div class="quick">${QUICK.map((text) => html`<button type="button" class="quick-choice" aria-pressed=${view.value.time === text} onClick=${() => choose(text)}>${labelOf(text)}</button>`)}</div>
    <${FromTo} choose=${choose} />
    <p class="note">Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.</p>`;
}

/** @param {{ choose: (time: string) => void }} props */
function FromTo({ choose }) {
  const shown = applied.peek()?.range;
  const [from, setFrom] = useState(local(shown?.from));
  const [to, setTo] = useState(local(shown?.to));
  const range = parseRange(`${from}..${to}`, new Date());
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    if (range) choose(range.text);
  };
  return html`<form class="from-to" onSubmit=${submit}>
    <label>From <input class="text-input" type="datetime-local" step="1" value=${from} onInput=${(/** @type {any} */ event) => setFrom(event.currentTarget.value)} /></label>
    <label>To <input class="text-input" type="datetime-local" step="1" value=${to} onInput=${(/** @type {any} */ event) => setTo(event.currentTarget.value)} /></label>
    <button class="button" type="submit" disabled=${!range}>Apply</button>
  </form>`;
}

/** A local time as the browser's input for times writes it. @param {Date | undefined} date */
function local(date) {
  if (!date) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
