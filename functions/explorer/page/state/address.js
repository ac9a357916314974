// The page's URL: all that a link must show again.

import { parseRange } from '../text/time.js';

/**
 * @typedef {object} View
 * @property {string} q the query
 * @property {string} time the range, as typed; see text/time.js
 * @property {'newest' | 'oldest' | 'relevance'} sort
 * @property {boolean} fuzzy whether words may have typos
 * @property {boolean} wrap whether long messages take several lines
 * @property {string[]} columns the fields between time and message
 * @property {'entries' | 'patterns'} tab
 * @property {boolean} new whether only patterns are shown that are new in the range
 * @property {boolean} live whether new entries appear
 * @property {string} entry the id of the entry in the panel, or nothing
 * @property {'fields' | 'json' | 'context'} panel what the panel shows
 */

/** @type {View} */
export const DEFAULT_VIEW = {
  q: '',
  time: '1h',
  sort: 'newest',
  fuzzy: false,
  wrap: false,
  columns: ['level', 'service_name'],
  tab: 'entries',
  new: false,
  live: false,
  entry: '',
  panel: 'fields',
};

const FLAGS = /** @type {const} */ (['fuzzy', 'wrap', 'new', 'live']);

/** @param {string} search @returns {View} */
export function parseAddress(search) {
  const params = new URLSearchParams(search);
  const view = { ...DEFAULT_VIEW };
  view.q = params.get('q') ?? '';
  view.time = params.get('time') ?? DEFAULT_VIEW.time;
  view.sort = oneOf(params.get('sort'), ['newest', 'oldest', 'relevance']);
  view.tab = oneOf(params.get('tab'), ['entries', 'patterns']);
  view.panel = oneOf(params.get('panel'), ['fields', 'json', 'context']);
  for (const name of FLAGS) view[name] = params.has(name);
  view.entry = params.get('entry') ?? '';
  const columns = params.get('columns');
  try {
    if (columns !== null) view.columns = columns.split(',').filter(Boolean).map(decodeURIComponent);
  } catch {
    // The columns are not encoded as this page does it: the default remains.
  }
  return consistent(view);
}

/** A live tail needs a range that ends now, and shows the newest entries first. @param {View} view @returns {View} */
export function consistent(view) {
  const live = view.live && Boolean(parseRange(view.time, new Date())?.moving);
  return { ...view, live, sort: live ? 'newest' : view.sort };
}

/** @param {View} view @returns {string} the part of the URL that begins with `?`, or `./` for the default */
export function formatAddress(view) {
  const params = new URLSearchParams();
  for (const name of /** @type {const} */ (['q', 'time', 'sort', 'tab', 'entry', 'panel'])) {
    if (view[name] !== DEFAULT_VIEW[name]) params.set(name, view[name]);
  }
  for (const name of FLAGS) if (view[name]) params.set(name, '1');
  const columns = view.columns.map(encodeURIComponent).join(',');
  if (columns !== DEFAULT_VIEW.columns.join(',')) params.set('columns', columns);
  const text = params.toString();
  return text ? `?${text}` : './';
}

/** @template {string} T @param {string | null} value @param {T[]} allowed the first is the default @returns {T} */
const oneOf = (value, allowed) => allowed.find((item) => item === value) ?? allowed[0];
