// The rows as one scrolling grid, of which only the visible part is in the document.

import { scrolled } from '../state/live.js';
import { active, loadMore, rows } from '../state/rows.js';
import { change, view } from '../state/view.js';
import { columnTitle } from '../text/complete.js';
import { plural } from '../text/format.js';
import { useEffect, useLayoutEffect, useRef } from '../vendor/hooks.js';
import { classes, html } from './html.js';
import { WaitingRows } from './live-controls.js';
import { Row } from './row.js';
import { scrollToRow, useVirtualRows } from './virtual.js';

const PREFETCH_ROWS = 300;
const WIDTHS = /** @type {Record<string, string>} */ ({ level: '6ch', service_name: '15ch', trace_id: '34ch', span_id: '18ch' });

export function Rows() {
  const { items, loading, cut } = rows.value;
  const { columns, wrap, entry: opened, live } = view.value;
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
  useEffect(() => scrollToRow(virtual, active.value), [active.value]);

  const onScroll = () => scrolled((scroller.current?.scrollTop ?? 0) > 4);
  /** @param {MouseEvent} event */
  const click = (event) => {
    const index = Number(/** @type {HTMLElement} */ (event.target).closest('[data-index]')?.getAttribute('data-index') ?? -1);
    if (index < 0 || !getSelection()?.isCollapsed) return;
    active.value = index;
    change({ entry: items[index].entry.id }, { replace: opened !== '' });
  };
  return html`<${WaitingRows} />
    <div class=${classes('grid', wrap && 'wrapped', loading && 'loading')} ref=${scroller} role="grid" id="grid" aria-label="Log entries" aria-rowcount=${items.length + 1} aria-colcount=${columns.length + 2} aria-busy=${loading} tabindex="0"
      aria-activedescendant=${active.value >= 0 ? `row-${active.value}` : undefined} onScroll=${onScroll} onClick=${click}>
      <div class="row grid-head" role="row" aria-rowindex="1">
        ${['Time', ...columns.map(columnTitle), 'Message'].map((name) => html`<span class="cell" role="columnheader">${name}</span>`)}
      </div>
      <div class="grid-body" role="rowgroup" style=${{ height: `${virtual.getTotalSize()}px` }}>
        <div class="grid-window" role="presentation" style=${{ transform: `translateY(${visible[0]?.start ?? 0}px)` }}>
          ${visible.map(({ index, key }) => items[index] && html`<${Row} key=${key} row=${items[index]} index=${index} columns=${columns} wrap=${wrap} active=${index === active.value} open=${items[index].entry.id === opened} />`)}
        </div>
      </div>
    </div>
    ${cut && html`<p class="note list-end">Only the first ${plural(items.length, 'row')} are shown. Limit the time range to see others.</p>`}`;
}
