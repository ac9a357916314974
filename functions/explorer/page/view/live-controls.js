// Starts, pauses and ends the live tail, and shows how fast it is.

import * as live from '../state/live.js';
import { view } from '../state/view.js';
import { compact } from '../text/format.js';
import { classes, html } from './html.js';
import { Icon } from './icons.js';

const STATES = { off: '', connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };

export function LiveControls() {
  if (!view.value.live) {
    return html`<button type="button" class="button" title="Live tail (t)" aria-label="Live tail" aria-pressed="false" onClick=${live.toggleLive}><${Icon} name="play" /><span>Live</span></button>`;
  }
  const paused = live.paused.value;
  return html`<div class=${classes('live', live.state.value, paused && 'paused')} role="group" aria-label="Live tail controls">
    <span class="live-state"><span class="live-dot"></span><span role="status">${paused ? 'Paused' : STATES[live.state.value]}</span>
      <span class="live-rate" aria-label="Entries per second">${speed(live.rate.value)}/s</span></span>
    <button type="button" class="icon-button" aria-label=${paused ? 'Resume' : 'Pause'} title=${paused ? 'Resume' : 'Pause'} onClick=${paused ? live.resume : live.pause}><${Icon} name=${paused ? 'play' : 'pause'} /></button>
    <button type="button" class="icon-button" aria-label="Stop live tail" title="Stop (t)" onClick=${live.toggleLive}><${Icon} name="stop" /></button>
  </div>`;
}

/** @param {number} rate */
const speed = (rate) => (rate === 0 ? '0' : rate < 10 ? rate.toFixed(1) : compact(Math.round(rate)));

/** A button above the rows, while new ones wait. */
export function WaitingRows() {
  const { waiting, missing, paused } = live;
  if (!view.value.live || (!waiting.value && !missing.value)) return null;
  const show = () => {
    document.getElementById('grid')?.scrollTo(0, 0);
    live.scrolled(false);
    live.resume();
  };
  const more = waiting.value ? `${compact(waiting.value)} new ${waiting.value === 1 ? 'entry' : 'entries'}` : '';
  return html`<div class="waiting-rows">
    ${more && html`<button type="button" class="button primary" onClick=${show}>${paused.value ? `Resume: ${more}` : `Show ${more}`}</button>`}
    ${missing.value > 0 && html`<span class="note">${compact(missing.value)} left out: too many at a time</span>`}
  </div>`;
}
