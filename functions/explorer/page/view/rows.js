// The rows as one scrolling grid, of which only the visible part is in the document.

import { scrolled } from '../state/live.js';
import { active, loadMore, rows } from '../state/rows.js';
import { use } from '../state/signal.js';
import { change, view } from '../state/view.js';
import { columnTitle } from '../text/complete.js';
import { count, plural, rowTime, valueAt } from '../text/format.js';
import { parts } from '../text/marks.js';
import { stateOf } from '../text/query.js';
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef } from '../vendor/hooks.js';
import { Component } from '../vendor/preact.js';
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '../vendor/virtual-core.js';
import { classes, html, levelClass, marked } from './elements.js';

const PREFETCH_ROWS = 100;
const WIDTHS = /** @type {Record<string, string>} */ ({ level: '6ch', service_name: '15ch', trace_id: '34ch', span_id: '18ch' });

export function Rows() {
  const { items, loading, cut, more } = use(rows);
  const { columns, wrap, entry: opened, live } = use(view);
  const current = use(active);
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const virtual = useVirtualRows(scroller, items, wrap);
  const visible = virtual.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= items.length - PREFETCH_ROWS) loadMore();
  }, [last, items]);
  useLayoutEffect(() => {
    scroller.current?.style.setProperty(
      '--columns',
      ['19ch', ...columns.map((name) => WIDTHS[name] ?? '18ch'), 'minmax(30ch, 1fr)'].join(' '),
    );
  }, [columns]);
  useLayoutEffect(() => {
    // A new search begins at its first row.
    if (scroller.current && !live) scroller.current.scrollTop = 0;
  }, [items[0]]);
  useEffect(() => scrollToRow(virtual, current), [current, items[0]]);
  useEffect(() => () => scrolled(false), []);

  const onScroll = () => scrolled((scroller.current?.scrollTop ?? 0) > 4);
  /** @param {MouseEvent} event */
  const click = (event) => {
    const index = Number(/** @type {HTMLElement} */ (event.target).closest('[data-index]')?.getAttribute('data-index') ?? -1);
    if (index < 0 || !getSelection()?.isCollapsed) return;
    active.value = index;
    change({ entry: items[index].entry.id }, { replace: opened !== '' });
  };
  return html`<div class=${classes('grid', wrap && 'wrapped', loading && 'loading')} ref=${scroller} role="grid" id="grid" aria-label="Log entries" aria-rowcount=${more ? -1 : items.length + 1} aria-colcount=${columns.length + 2} aria-busy=${loading} tabindex="0"
      aria-activedescendant=${current >= (visible[0]?.index ?? 0) && current <= last ? `row-${current}` : undefined} onScroll=${onScroll} onClick=${click}>
      <div class="row grid-head" role="row" aria-rowindex="1">
        ${['Time', ...columns.map(columnTitle), 'Message'].map((name) => html`<span class="cell" role="columnheader">${name}</span>`)}
      </div>
      <div class="grid-body" role="rowgroup" style=${{ height: `${virtual.getTotalSize()}px` }}>
        <div class="grid-window" role="presentation" style=${{ transform: `translateY(${(visible[0]?.start ?? HEAD_PX) - HEAD_PX}px)` }}>
          ${visible.map(({ index, key }) => items[index] && html`<${Row} key=${key} row=${items[index]} index=${index} columns=${columns} wrap=${wrap} active=${index === current} open=${items[index].entry.id === opened} />`)}
        </div>
      </div>
    </div>
    ${cut && html`<p class="note list-end">${live ? `Only the newest ${plural(items.length, 'row')} are kept while the tail is live.` : `Only the first ${plural(items.length, 'row')} are shown. Limit the time range to see others.`}</p>`}`;
}

/** @typedef {import('../state/rows.js').Row} RowData */

/** Escape sequences for the colours of terminals. */
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*[A-Za-z]`, 'g');
const LINE_CHARACTERS = 600;
const WRAPPED_CHARACTERS = 2000;

/** The text of a column. @param {import('../api/logs.js').LogEntry} entry @param {string} name */
function columnText(entry, name) {
  if (name.startsWith('attributes.')) return valueAt(entry.attributes, name.slice('attributes.'.length));
  return valueAt(entry, name);
}

/**
 * @typedef {object} RowProps
 * @property {RowData} row
 * @property {number} index
 * @property {string[]} columns
 * @property {boolean} wrap
 * @property {boolean} active whether the keyboard is at this row
 * @property {boolean} open whether the panel shows this row
 */

/** @extends {Component<RowProps>} */
export class Row extends Component {
  /** Rows are many, and change rarely. @param {RowProps} next */
  shouldComponentUpdate(next) {
    const now = /** @type {RowProps} */ (this.props);
    return (
      next.row !== now.row ||
      next.index !== now.index ||
      next.active !== now.active ||
      next.open !== now.open ||
      next.wrap !== now.wrap ||
      next.columns !== now.columns
    );
  }

  render() {
    const { row, index, columns, wrap, active, open } = /** @type {RowProps} */ (this.props);
    const { entry, matched = [] } = row;
    const others = matched.filter((path) => !columns.includes(`attributes.${path}`) && !isAskedFor(entry, path));
    return html`<div id=${`row-${index}`} class=${classes('row', levelClass(entry.level), active && 'active', open && 'open')} role="row" aria-rowindex=${index + 2} aria-selected=${open} data-index=${index} data-id=${entry.id}>
      <span class="cell time" role="gridcell"><time datetime=${entry.timestamp}>${rowTime(entry.timestamp)}</time></span>
      ${columns.map(
        (name) =>
          html`<span class=${classes('cell', name === 'level' && 'level-text', name === 'service_name' && 'service')} role="gridcell">${marked(
            columnText(entry, name),
            matched.some((path) => name === `attributes.${path}`),
          )}</span>`,
      )}
      <span class="cell message" role="gridcell"><${Message} text=${entry.message} hits=${row.hits} limit=${wrap ? WRAPPED_CHARACTERS : LINE_CHARACTERS} />${others.map((path) => html` <span class="matched">${path}=${marked(valueAt(entry.attributes, path), true)}</span>`)}</span>
    </div>`;
  }
}

/** Whether the query names this very value, so that every row has it. @param {RowData['entry']} entry @param {string} path */
function isAskedFor(entry, path) {
  return stateOf(view.value.q, `attributes.${path}`, valueAt(entry.attributes, path)) !== undefined;
}

/** A message with what matched marked. @param {{ text: string, hits?: RowData['hits'], limit: number }} props */
export function Message({ text, hits = [], limit }) {
  const shown = text.length > limit ? text.slice(0, limit) : text;
  const pieces = parts(shown, hits).map(({ text: piece, hit }) => marked(piece.replace(ANSI, ''), hit));
  return html`${pieces}${text.length > limit && html`<span class="note">… ${count(text.length - limit)} more characters</span>`}`;
}

/** @typedef {import('../vendor/virtual-core.js').Virtualizer<Element, Element>} Rows */

const ROW_PX = 22;
const HEAD_PX = 24;
const OVERSCAN_ROWS = 12;

/**
 * @param {{ current: HTMLElement | null }} scroller @param {import('../state/rows.js').Row[]} items
 * @param {boolean} wrap whether rows differ in height
 * @returns {Rows}
 */
function useVirtualRows(scroller, items, wrap) {
  const [, render] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const measured = wrap || matchMedia('(max-width: 700px)').matches;
  // The same function for the same rows: with another, all rows would be measured anew.
  const keyOf = useCallback((/** @type {number} */ index) => items[index]?.entry.id ?? index, [items]);
  const options = {
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: keyOf,
    overscan: OVERSCAN_ROWS,
    scrollMargin: HEAD_PX,
    scrollPaddingStart: HEAD_PX,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    indexAttribute: 'data-index',
    onChange: () => render(0),
  };
  const virtual = useMemo(() => /** @type {Rows} */ (new Virtualizer(/** @type {any} */ (options))), []);
  virtual.setOptions(/** @type {any} */ (options));
  useEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  useLayoutEffect(() => virtual.measure(), [wrap]);
  useLayoutEffect(() => {
    if (!measured) return;
    for (const row of scroller.current?.querySelectorAll('.grid-window .row') ?? [])
      virtual.measureElement(/** @type {HTMLElement} */ (row));
  });
  return virtual;
}

/** @param {Rows} virtual @param {number} index */
function scrollToRow(virtual, index) {
  if (index >= 0) virtual.scrollToIndex(index, { align: 'auto' });
}
