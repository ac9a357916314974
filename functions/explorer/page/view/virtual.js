// Which rows are visible, by TanStack's virtual core.

import { useEffect, useLayoutEffect, useMemo, useReducer } from '../vendor/hooks.js';
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '../vendor/virtual-core.js';

/** @typedef {import('../vendor/virtual-core.js').Virtualizer<Element, Element>} Rows */

const ROW_PX = 22;
const HEAD_PX = 24;
const OVERSCAN_ROWS = 12;

/**
 * @param {{ current: HTMLElement | null }} scroller @param {import('../state/rows.js').Row[]} items
 * @param {boolean} wrap whether rows differ in height
 * @returns {Rows}
 */
export function useVirtualRows(scroller, items, wrap) {
  const [, render] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const measured = wrap || matchMedia('(max-width: 700px)').matches;
  const options = {
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (/** @type {number} */ index) => items[index]?.entry.id ?? index,
    overscan: OVERSCAN_ROWS,
    scrollMargin: 0,
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
    for (const row of scroller.current?.querySelectorAll('.grid-window > .row') ?? [])
      virtual.measureElement(/** @type {HTMLElement} */ (row));
  });
  return virtual;
}

/** @param {Rows} virtual @param {number} index */
export function scrollToRow(virtual, index) {
  if (index >= 0) virtual.scrollToIndex(index, { align: 'auto' });
}
