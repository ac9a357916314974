// Entries over time by level. Dragging over it zooms in.

import { changeRange, shift, shownBounds, zoom } from '../state/actions.js';
import { applied, stats } from '../state/search.js';
import { paint } from '../state/theme.js';
import { view } from '../state/view.js';
import { plural, shortTime } from '../text/format.js';
import { parseRange } from '../text/time.js';
import { useEffect, useRef } from '../vendor/hooks.js';
import { drawChart } from './chart.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { Legend } from './legend.js';
import { levelCounts } from './levels.js';

export function Histogram() {
  const found = stats.value;
  const holder = useRef(/** @type {HTMLElement | null} */ (null));
  const tip = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!holder.current || !tip.current || !found?.buckets.length) return;
    return drawChart(holder.current, tip.current, found, shownBounds(), changeRange);
  }, [found, paint.value]);
  const range = applied.value?.range;
  const label = range ? (parseRange(view.value.time, new Date())?.label ?? '') : '';
  return html`<section class="chart" aria-label="Histogram">
    <div class="chart-head">
      <p class="chart-total" aria-live="polite"><strong>${found ? plural(found.total, 'entry', 'entries') : '…'}</strong> <span class="note">${label.toLowerCase().startsWith('last') ? `in the ${label.toLowerCase()}` : label}${found?.interval ? `, ${found.interval} per bar` : ''}</span></p>
      <${Legend} />
      ${
        range?.from &&
        html`<div class="chart-tools" role="group" aria-label="Move in time">
        <button type="button" class="icon-button" aria-label="Earlier" title="Earlier" onClick=${() => shift(-1)}><${Icon} name="left" /></button>
        <button type="button" class="icon-button" aria-label="Later" title="Later" onClick=${() => shift(1)}><${Icon} name="right" /></button>
        <button type="button" class="icon-button" aria-label="Zoom in" title="Zoom in" onClick=${() => zoom(1 / 3)}><${Icon} name="plus" /></button>
        <button type="button" class="icon-button" aria-label="Zoom out" title="Zoom out" onClick=${() => zoom(3)}><${Icon} name="minus" /></button>
      </div>`
      }
    </div>
    <div class="chart-canvas" ref=${holder} role="img" aria-label=${summary(found)}></div>
    <div class="chart-tip" ref=${tip} hidden></div>
  </section>`;
}

/** The histogram in words. @param {import('../api/logs.js').Stats | undefined} found */
function summary(found) {
  if (!found?.buckets.length) return 'Entries over time by level: none';
  const levels = levelCounts(found)
    .map(({ level, total }) => `${total} ${level}`)
    .join(', ');
  const sums = found.buckets.map((_, i) => found.series.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  const peak = sums.indexOf(Math.max(...sums));
  return `Entries over time by level: ${levels}. Most, ${sums[peak]}, at ${shortTime(found.buckets[peak])}.`;
}
