// What people do to the view.

import { and, exclude, fieldName, include, quote } from '../text/query.js';
import { absolute } from '../text/time.js';
import { formatAddress } from './address.js';
import { remember } from './preferences.js';
import { applied, counted, run, stats } from './search.js';
import { change, view } from './view.js';

/** Searches for a query, again if it is the same. @param {string} q */
export function submit(q) {
  remember(q);
  if (q === view.value.q) run();
  else change({ q });
}

/** @param {string} field @param {string} value */
export const includeValue = (field, value) => submit(include(view.value.q, field, value));

/** @param {string} field @param {string} value */
export const excludeValue = (field, value) => submit(exclude(view.value.q, field, value));

/** @param {string} condition */
export const addCondition = (condition) => submit(and(view.value.q, condition));

/** @param {string} text */
export const searchFragment = (text) => submit(quote(text));

/** @param {string} traceId */
export function showTrace(traceId) {
  change({ q: `${fieldName('trace_id')}:${quote(traceId)}`, time: 'all', sort: 'oldest', live: false, tab: 'entries', entry: '' });
}

/** All services around the time of an entry. @param {{ timestamp: string }} entry @param {number} seconds */
export function showAround({ timestamp }, seconds) {
  const at = new Date(timestamp).getTime();
  const range = absolute(new Date(at - seconds * 1000), new Date(at + seconds * 1000));
  change({ q: '', time: range?.text ?? 'all', tab: 'entries' });
}

/** Follows the hint of a search without hits. @param {import('../api/logs.js').Hint} hint */
export function followHint({ q, fuzzy, without }) {
  const next = /** @type {Partial<import('./address.js').View>} */ ({ live: false });
  if (q !== undefined) next.q = q;
  if (fuzzy) next.fuzzy = true;
  if (without?.some((name) => name === 'from' || name === 'to')) next.time = 'all';
  change(next);
}

/** @param {string} name */
export function toggleColumn(name) {
  const { columns } = view.value;
  change({ columns: columns.includes(name) ? columns.filter((column) => column !== name) : [...columns, name] }, { replace: true });
}

/** The factor by which the range grows around its middle. @param {number} factor */
export function zoom(factor) {
  const bounds = shownBounds();
  if (!bounds) return;
  const half = ((bounds.to - bounds.from) * factor) / 2;
  const middle = (bounds.to + bounds.from) / 2;
  changeRange(middle - half, middle + half);
}

/** Moves the range by its own length. @param {-1 | 1} direction */
export function shift(direction) {
  const bounds = shownBounds();
  if (!bounds) return;
  const length = bounds.to - bounds.from;
  changeRange(bounds.from + direction * length, bounds.to + direction * length);
}

/** @param {number} from @param {number} to in milliseconds */
export function changeRange(from, to) {
  const range = absolute(new Date(Math.floor(from)), new Date(Math.ceil(to)));
  if (range) change({ time: range.text });
}

/** The bounds of the histogram in milliseconds. */
export function shownBounds() {
  const { from, to } = stats.value ?? {};
  return from && to ? { from: new Date(from).getTime(), to: new Date(to).getTime() } : undefined;
}

/** A link that shows the same to others later: with absolute times. @param {string} [entry] */
export function link(entry) {
  const now = view.value;
  const time = absoluteRange()?.text ?? now.time;
  const address = formatAddress({ ...now, time, live: false, entry: entry ?? now.entry });
  return new URL(address, location.href).href;
}

/** The filters of what is shown, with absolute times. @returns {import('../api/logs.js').Filters} */
export function shownFilters() {
  const { from, to } = absoluteRange() ?? {};
  return { ...applied.value?.filters, from: from?.toISOString(), to: to?.toISOString() };
}

function absoluteRange() {
  const search = applied.value;
  if (!search) return undefined;
  const { range, at } = search;
  // The histogram may still be that of an earlier search.
  const bounds = counted === search ? shownBounds() : undefined;
  if (!range.moving) return absolute(range.from, range.to);
  // The histogram has the server's time. It is cut to milliseconds here, and the end is exclusive.
  return bounds ? absolute(range.from && new Date(bounds.from), new Date(bounds.to + 1)) : absolute(range.from, at);
}
