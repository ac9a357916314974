// The range of time: quick choices, typed, or two times; and the live tail: start, pause, end, rate.

import * as live from '../state/live.js';
import { applied } from '../state/search.js';
import { use } from '../state/signal.js';
import { change, view } from '../state/view.js';
import { compact } from '../text/format.js';
import { parseRange } from '../text/time.js';
import { useState } from '../vendor/hooks.js';
import { classes, html, Icon, Popover } from './elements.js';

const QUICK = ['5m', '15m', '1h', '6h', '24h', '7d', '30d', 'today', 'yesterday', 'all'];

/** @param {string} text */
const labelOf = (text) => parseRange(text, new Date())?.label ?? text;

export function TimePicker() {
  const label = labelOf(use(view).time);
  const face = html`<${Icon} name="clock" /><span class="time-label">${label}</span><${Icon} name="down" />`;
  return html`<${Popover} label=${`Time range: ${label}`} face=${face} name="time-range">${(/** @type {() => void} */ close) => html`<${TimeWindow} close=${close} />`}<//>`;
}

/** @param {{ close: () => void }} props */
function TimeWindow({ close }) {
  const { time } = use(view);
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
    <div class="quick">${QUICK.map((text) => html`<button class="quick-choice" aria-pressed=${time === text} onClick=${() => choose(text)}>${labelOf(text)}</button>`)}</div>
    <${FromTo} choose=${choose} />
    <p class="note">Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.</p>`;
}

/** @param {{ choose: (time: string) => void }} props */
function FromTo({ choose }) {
  const shown = applied.value?.range;
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

const STATES = { off: '', connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };

export function LiveControls() {
  const state = use(live.state);
  const rate = use(live.rate);
  const paused = use(live.paused);
  if (!use(view).live) {
    return html`<button class="button" title="Live tail (t)" aria-label="Live tail" aria-pressed="false" onClick=${live.toggleLive}><${Icon} name="play" /><span>Live</span></button>`;
  }
  return html`<div class=${classes('live', state, paused && 'paused')} role="group" aria-label="Live tail controls">
    <span class="live-state" title=${state === 'reconnecting' ? live.problem.value : ''}><span class="live-dot"></span><span role="status">${paused ? 'Paused' : STATES[state]}</span>
      <span class="live-rate" aria-label="Entries per second">${speed(rate)}/s</span></span>
    <button class="icon-button" aria-label=${paused ? 'Resume' : 'Pause'} title=${paused ? 'Resume' : 'Pause'} onClick=${paused ? live.resume : live.pause}><${Icon} name=${paused ? 'play' : 'pause'} /></button>
    <button class="icon-button" aria-label="Stop live tail" title="Stop (t)" onClick=${live.toggleLive}><${Icon} name="stop" /></button>
  </div>`;
}

/** @param {number} rate */
const speed = (rate) => (rate === 0 ? '0' : rate < 10 ? rate.toFixed(1) : compact(Math.round(rate)));

/** A button above the rows, while new ones wait. */
export function WaitingRows() {
  const waiting = use(live.waiting);
  const missing = use(live.missing);
  const paused = use(live.paused);
  const failure = use(live.problem);
  if (!use(view).live || (!waiting && !missing && !failure)) return null;
  const more = waiting ? `${compact(waiting)} new ${waiting === 1 ? 'entry' : 'entries'}` : '';
  return html`<div class="waiting-rows">
    ${more && html`<button class="button primary" onClick=${live.resume}>${paused ? `Resume: ${more}` : `Show ${more}`}</button>`}
    ${failure && html`<span class="note" role="status">Reconnecting: ${failure}</span>`}
    ${missing > 0 && html`<span class="note">${compact(missing)} left out: too many at a time</span>`}
  </div>`;
}
