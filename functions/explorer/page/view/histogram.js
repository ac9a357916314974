// Entries over time by level. Dragging over it zooms in.

import { changeRange, excludeValue, includeValue, shift, shownBounds, zoom } from '../state/actions.js';
import { trouble } from '../state/failure.js';
import { paint } from '../state/preferences.js';
import { applied, stats } from '../state/search.js';
import { use } from '../state/signal.js';
import { view } from '../state/view.js';
import { axisTime, compact, count, plural, shortTime } from '../text/format.js';
import { stateOf } from '../text/query.js';
import { parseRange } from '../text/time.js';
import { useEffect, useRef } from '../vendor/hooks.js';
import uPlot from '../vendor/uplot.js';
import { barColour, computed, html, Icon, levelClass, levelCounts } from './elements.js';

export function Histogram() {
  const found = use(stats);
  const painted = use(paint);
  const failed = use(trouble);
  const { time, live } = use(view);
  const holder = useRef(/** @type {HTMLElement | null} */ (null));
  const tip = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!holder.current || !tip.current || !found?.buckets.length) return;
    return drawChart(holder.current, tip.current, found, shownBounds(), changeRange);
  }, [found, painted]);
  const range = use(applied)?.range;
  const label = range ? (parseRange(time, new Date())?.label ?? '') : '';
  return html`<section class="chart" aria-label="Histogram">
    <div class="chart-head">
      <p class="chart-total" aria-live=${live ? 'off' : 'polite'}><strong>${found ? plural(found.total, 'entry', 'entries') : failed ? '' : 'Counting…'}</strong> <span class="note">${label.toLowerCase().startsWith('last') ? `in the ${label.toLowerCase()}` : label}${found?.interval ? `, ${found.interval} per bar` : ''}</span></p>
      <${Legend} />
      ${
        found?.from &&
        html`<div class="chart-tools" role="group" aria-label="Move in time">
        <button class="icon-button" aria-label="Earlier" title="Earlier" onClick=${() => shift(-1)}><${Icon} name="left" /></button>
        <button class="icon-button" aria-label="Later" title="Later" disabled=${range?.moving} onClick=${() => shift(1)}><${Icon} name="right" /></button>
        <button class="icon-button" aria-label="Zoom in" title="Zoom in" onClick=${() => zoom(1 / 3)}><${Icon} name="plus" /></button>
        <button class="icon-button" aria-label="Zoom out" title="Zoom out" onClick=${() => zoom(3)}><${Icon} name="minus" /></button>
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

function Legend() {
  const found = use(stats);
  const { q } = use(view);
  if (!found) return null;
  return html`<div class="legend" role="group" aria-label="Levels">${levelCounts(found)
    .filter(({ total }) => total > 0)
    .map(({ level, total }) => {
      if (level === 'other')
        return html`<span class="legend-item"><span class=${`swatch bar ${levelClass(level)}`}></span>other ${compact(total)}</span>`;
      const state = stateOf(q, 'level', level);
      /** @param {MouseEvent} event */
      const click = (event) => (event.altKey || event.shiftKey ? excludeValue : includeValue)('level', level);
      return html`<button key=${level} class="legend-item" aria-pressed=${state === 'included'} title=${`${count(total)} ${level}. Click to include, Shift-click to exclude.`} onClick=${click}>
      <span class=${`swatch bar ${levelClass(level)}`}></span>${level} <span class="legend-count">${compact(total)}</span></button>`;
    })}</div>`;
}

/** @typedef {import('../api/logs.js').Stats} Stats */

const MIN_VISIBLE_SHARE = 0.013;
const MIN_BRUSH_PX = 4;
const TOP_SPACE = 1.08;

/**
 * @param {HTMLElement} holder @param {HTMLElement} tip @param {Stats} stats
 * @param {{ from: number, to: number } | undefined} bounds in milliseconds
 * @param {(from: number, to: number) => void} brushed
 * @returns {() => void} removes the chart
 */
function drawChart(holder, tip, stats, bounds, brushed) {
  const levels = levelCounts(stats);
  const starts = stats.buckets.map((time) => new Date(time).getTime() / 1000);
  const width = starts.length > 1 ? starts[1] - starts[0] : 1;
  const from = bounds ? Math.min(bounds.from / 1000, starts[0]) : starts[0];
  const to = bounds ? Math.max(bounds.to / 1000, starts[starts.length - 1]) : starts[starts.length - 1] + width;
  const stacked = stack(levels.map(({ values }) => values));
  /** @type {any} */
  const options = {
    ...size(holder),
    // The last time below the bars needs room.
    padding: [4, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: MIN_BRUSH_PX } },
    scales: {
      x: { range: [from, to] },
      y: { range: (/** @type {unknown} */ _, /** @type {number} */ __, /** @type {number} */ max) => [0, (max || 1) * TOP_SPACE] },
    },
    axes: axes(holder),
    series: [{}, ...levels.map(({ level }) => bars(barColour(level, holder))).reverse()],
    hooks: {
      setSelect: [(/** @type {any} */ plot) => select(plot, width, brushed)],
      setCursor: [(/** @type {any} */ plot) => showTip(plot, tip, stats, levels)],
    },
  };
  const plot = new uPlot(options, /** @type {any} */ ([starts, ...stacked.reverse()]), holder);
  const observer = new ResizeObserver(() => plot.setSize(size(holder)));
  observer.observe(holder);
  return () => {
    observer.disconnect();
    plot.destroy();
    tip.hidden = true;
  };
}

/** @param {HTMLElement} holder */
const size = (holder) => ({ width: holder.clientWidth, height: holder.clientHeight });

/**
 * Cumulative values, the most severe level at the bottom. A count above zero is at least a sliver, so that a single error among thousands is seen.
 * @param {(number | null)[][]} series
 */
function stack(series) {
  const sums = Array.from(series[0] ?? [], (_, i) => series.reduce((sum, values) => sum + (values[i] ?? 0), 0));
  const least = Math.max(...sums, 1) * MIN_VISIBLE_SHARE;
  let below = sums.map(() => 0);
  return series.map((values) => {
    below = below.map((sum, i) => sum + (values[i] ? Math.max(values[i] ?? 0, least) : 0));
    return below;
  });
}

/** @param {string} colour */
function bars(colour) {
  return { fill: colour, stroke: colour, width: 0, points: { show: false }, paths: uPlot.paths.bars?.({ size: [0.86, 64], align: 1 }) };
}

/** @param {HTMLElement} holder */
function axes(holder) {
  const stroke = computed('axis', holder);
  const line = { stroke: computed('axis-line', holder), width: 1 };
  const font = '11px system-ui, sans-serif';
  const ticks = { show: false };
  return [
    { stroke, font, ticks, values: times, space: 76, grid: { show: false }, border: { show: true, ...line }, size: 22, gap: 3 },
    {
      stroke,
      font,
      ticks,
      grid: line,
      size: 46,
      gap: 4,
      space: 28,
      values: (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map((n) => (n === 0 || n % 1 ? '' : compact(n))),
    },
  ];
}

/** Times below the bars, in 24 hours; a day where one begins. @param {unknown} _ @param {number[]} splits @param {number} __ @param {number} ___ @param {number} step in seconds */
function times(_, splits, __, ___, step) {
  return splits.map((seconds) => axisTime(new Date(seconds * 1000), step));
}

/** The bars that the brush touches. @param {any} plot @param {number} width of a bar in seconds @param {(from: number, to: number) => void} brushed */
function select(plot, width, brushed) {
  const { left, width: length } = plot.select;
  if (length < MIN_BRUSH_PX) return;
  const [first] = plot.data[0];
  const edge = (/** @type {number} */ px, /** @type {(n: number) => number} */ round) =>
    first + round((plot.posToVal(px, 'x') - first) / width) * width;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  brushed(edge(left, Math.floor) * 1000, edge(left + length, Math.ceil) * 1000);
}

/** @param {any} plot @param {HTMLElement} tip @param {Stats} stats @param {ReturnType<typeof levelCounts>} levels */
function showTip(plot, tip, stats, levels) {
  const { left } = plot.cursor;
  const time = left >= 0 ? plot.posToVal(left, 'x') * 1000 : -1;
  const index = stats.buckets.findLastIndex((start) => new Date(start).getTime() <= time);
  tip.hidden = index < 0;
  if (index < 0) return;
  const counts = levels.filter(({ values }) => values[index]).map(({ level, values }) => `${level} ${count(values[index] ?? 0)}`);
  tip.textContent = `${shortTime(stats.buckets[index])}   ${counts.join('   ') || 'none'}`;
  const room = plot.over.clientWidth - tip.offsetWidth;
  tip.style.left = `${Math.max(0, Math.min(left - tip.offsetWidth / 2, room)) + plot.bbox.left / devicePixelRatio}px`;
}
