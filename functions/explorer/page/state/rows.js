// The rows of the list: pages of a search, and above them what the live tail brought; and the entry in the panel.

import * as api from '../api/logs.js';
import { Failure } from '../api/request.js';
import { corrections } from '../text/correct.js';
import { plural } from '../text/format.js';
import { report, succeeded } from './failure.js';
import { signal } from './signal.js';
import { view } from './view.js';

/**
 * @typedef {{ entry: api.LogEntry, hits: import('../text/marks.js').TextRange[], matched?: string[] }} Row what the query matched in the message, and in which attributes
 * @typedef {object} Rows
 * @property {Row[]} items
 * @property {number} [total] hits of the search, at most 10,000
 * @property {api.Hint} [hint]
 * @property {boolean} more whether more rows can be loaded
 * @property {boolean} loading
 * @property {boolean} fresh whether LogPulse has no entries at all
 * @property {boolean} cut whether older rows were left out, because there are too many
 * @property {boolean} rebuilding whether the index is incomplete
 */

const FIRST_PAGE = 200;
const NEXT_PAGE = 1000;
const MAX_ROWS = 200_000;
const MAX_LIVE_ROWS = 10_000;

/** @type {import('./signal.js').Signal<Rows>} */
export const rows = signal(/** @type {Rows} */ ({ items: [], more: false, loading: true, fresh: false, cut: false, rebuilding: false }));

/** The index of the row that the keyboard is at; -1 if there is none. */
export const active = signal(-1);

/** @type {Row[]} */
let liveRows = [];
/** @type {Row[]} */
let foundRows = [];
/** @type {Set<string>} */
let known = new Set();
/** @type {string | undefined} */
let cursor;
let loadingMore = false;
/** @type {{ search: import('./search.js').Applied, aborted: AbortSignal } | undefined} */
let current;

/** @param {import('./search.js').Applied} search @param {AbortSignal} aborted */
export async function loadFirstRows(search, aborted) {
  rows.value = { ...rows.value, loading: true };
  try {
    // The first rows should include the open entry.
    const page = await api.search({ ...search.filters, sort: search.sort, limit: view.value.entry ? NEXT_PAGE : FIRST_PAGE }, aborted);
    const fresh = page.total === 0 && (await isFresh(search.filters, aborted));
    const hint = page.total || fresh ? undefined : await findHint(search.filters, page.hint, aborted).catch(() => page.hint);
    if (aborted.aborted) return;
    current = { search, aborted };
    // What the tail has received stays known, also if it waits to be shown.
    forget(foundRows);
    foundRows = [];
    loadingMore = false;
    add(page);
    active.value = foundRows.findIndex(({ entry }) => entry.id === view.value.entry);
    show({ total: page.total, hint, fresh, cut: false, rebuilding: page.index !== undefined });
  } catch (error) {
    if (!aborted.aborted) failRows(error);
    throw error;
  }
}

/** Keeps the rows, unless the search is invalid: then they would not be its rows. @param {unknown} error */
export function failRows(error) {
  if (error instanceof Failure && error.kind === 'invalid') {
    foundRows = [];
    cursor = undefined;
    show({ hint: undefined });
  } else rows.value = { ...rows.value, loading: false };
}

/** @param {api.Filters} filters @param {AbortSignal} aborted */
async function isFresh(filters, aborted) {
  if (!filters.q && !filters.from && !filters.to) return true;
  return (await api.search({ sort: 'newest', limit: 1 }, aborted)).total === 0;
}

/**
 * What to offer if a search finds nothing: the first correction of the query that has hits, or else what the server offers.
 * @param {api.Filters} filters @param {api.Hint | undefined} offered @param {AbortSignal} aborted
 * @returns {Promise<api.Hint | undefined>}
 */
async function findHint({ q: query = '', ...filters }, offered, aborted) {
  // The query itself has hits at another time.
  if (!query || offered?.without) return offered;
  const { from, to } = filters;
  const { fields } = await api.fields({ from, to }, aborted);
  for (const q of corrections(query, fields)) {
    const { total } = await api.search({ ...filters, q, sort: 'newest', limit: 1 }, aborted);
    if (total) return { q, total, detail: `the query ${q} has ${plural(total, 'hit')}` };
  }
  return offered;
}

/** Loads the next page, unless there is none or it is being loaded. */
export async function loadMore() {
  if (!cursor || loadingMore || !current) return;
  const { search, aborted } = current;
  const after = cursor;
  loadingMore = true;
  try {
    const page = await api.search({ ...search.filters, sort: search.sort, limit: NEXT_PAGE, cursor }, aborted);
    // If the rows were cut meanwhile, this page does not follow them.
    if (aborted.aborted || cursor !== after) return;
    add(page);
    loadingMore = false;
    succeeded();
    show({ cut: foundRows.length >= MAX_ROWS });
  } catch (error) {
    report(error, () => {
      loadingMore = false;
      loadMore();
    });
  }
}

/** @param {api.SearchPage} page */
function add(page) {
  page.data.forEach((entry, i) => {
    if (known.has(entry.id)) return;
    known.add(entry.id);
    const { message = [], attributes } = page.highlights?.[i] ?? {};
    foundRows.push({ entry, hits: message, matched: attributes });
  });
  cursor = foundRows.length < MAX_ROWS ? page.next_cursor : undefined;
}

/**
 * Rows of the tail that are not in the list yet.
 * @param {api.LogEntry[]} entries @param {(message: string) => import('../text/marks.js').TextRange[]} mark
 */
export function unknownRows(entries, mark) {
  const added = entries.filter(({ id }) => !known.has(id));
  for (const { id } of added) known.add(id);
  return added.map((entry) => ({ entry, hits: mark(entry.message) }));
}

/** Puts rows of the tail above the others. @param {Row[]} added the newest first */
export function prepend(added) {
  liveRows = added.concat(liveRows);
  if (active.value >= 0) active.value += added.length;
  const cut = liveRows.length > MAX_LIVE_ROWS;
  if (cut) {
    forget(liveRows.splice(MAX_LIVE_ROWS).concat(foundRows));
    foundRows = [];
    cursor = undefined;
    loadingMore = false;
    active.value = Math.min(active.value, MAX_LIVE_ROWS - 1);
  }
  show({ fresh: false, cut: cut || rows.value.cut });
}

/** Lets these rows be added again. @param {Row[]} dropped */
export function forget(dropped) {
  for (const { entry } of dropped) known.delete(entry.id);
}

/** Forgets the rows of the tail. */
export function forgetLive() {
  known = new Set(foundRows.map(({ entry }) => entry.id));
  liveRows = [];
}

/** @param {Partial<Rows>} patch */
function show(patch) {
  rows.value = {
    ...rows.value,
    ...patch,
    items: liveRows.concat(foundRows),
    more: cursor !== undefined,
    loading: false,
  };
}

/** @typedef {Partial<Row> & { missing?: boolean }} Opened */

/** @type {import('./signal.js').Signal<Opened | undefined>} */
export const opened = signal(undefined);

let controller = new AbortController();

/** Shows the entry that the view names: from the rows, or else from the store. */
export async function openEntry() {
  controller.abort();
  const { entry: id } = view.value;
  if (!id) {
    opened.value = undefined;
    return;
  }
  const row = rows.value.items.find(({ entry }) => entry.id === id);
  if (row) {
    opened.value = row;
    return;
  }
  controller = new AbortController();
  const { signal: aborted } = controller;
  try {
    if (!opened.value?.missing) opened.value = {};
    opened.value = { entry: await api.entry(id, aborted) };
  } catch (error) {
    if (!(error instanceof Failure) || (error.kind !== 'invalid' && error.kind !== 'missing')) return report(error, openEntry);
    opened.value = { missing: true };
    // It may be stored soon.
    if (error.retryAfter) setTimeout(() => aborted.aborted || openEntry(), error.retryAfter * 1000);
  }
}
