// The search that the view asks for: its rows, histogram and fields.

import * as api from '../api/logs.js';
import { Failure } from '../api/request.js';
import { parseRange } from '../text/time.js';
import { clear, report, succeeded, trouble } from './failure.js';
import { failRows, forgetLive, loadFirstRows, rows } from './rows.js';
import { signal } from './signal.js';
import { view } from './view.js';

/**
 * @typedef {object} Applied a search as it was sent
 * @property {api.Filters} filters
 * @property {import('../text/time.js').TimeRange} range
 * @property {'newest' | 'oldest' | 'relevance'} sort
 * @property {Date} at
 */

/** @type {import('./signal.js').Signal<Applied | undefined>} */
export const applied = signal(undefined);
/** @type {import('./signal.js').Signal<api.Stats | undefined>} */
export const stats = signal(undefined);
/** The search that was counted, once the counts of this run are there. @type {Applied | undefined} */
export let counted;
/** @type {import('./signal.js').Signal<api.Field[]>} */
export const fieldList = signal(/** @type {api.Field[]} */ ([]));

const RELATIVE = /^\d+[smhdw]$/;
const ROWS_FIRST_MS = 150;
let controller = new AbortController();

/** The part of the view that decides what is found. @param {import('./address.js').View} v */
export const searchKey = ({ q, time, sort, fuzzy }) => JSON.stringify([q, time, sort, fuzzy]);

/** Runs the search. A search that still runs is cancelled. */
export async function run() {
  controller.abort();
  controller = new AbortController();
  const { signal: aborted } = controller;
  clear(run, loadStats, loadFields);
  const search = resolve();
  if (!search) {
    const invalid = new Failure('invalid', `“${view.value.time}” is not a time range; write 15m, yesterday or 2026-11-25 14:00..15:00.`);
    failRows(invalid);
    return report(invalid, run);
  }
  applied.value = search;
  counted = undefined;
  newer.value = false;
  if (!view.value.live) forgetLive();
  let failed = false;
  const loading = loadFirstRows(search, aborted).then(
    () => {
      // The counts of an earlier search would contradict an empty list. Those of this one may already be there.
      if (!rows.value.total && !counted) stats.value = undefined;
      succeeded();
    },
    (error) => {
      failed = true;
      report(error, run);
    },
  );
  // Rows are what people wait for; the rest may use the server once they are there.
  await Promise.race([loading, new Promise((done) => setTimeout(done, ROWS_FIRST_MS))]);
  if (aborted.aborted) return;
  if (failed) {
    if (!trouble.value?.retryAt) stats.value = undefined;
    return;
  }
  await Promise.all([loading, loadStats(), loadFields()]);
}

/** @returns {Applied | undefined} */
function resolve() {
  const { q, fuzzy, time, sort } = view.value;
  const at = new Date();
  const range = parseRange(time, at);
  if (!range) return undefined;
  // A range that ends now is relative to the server's clock, and open, so that entries of a clock that is ahead are found, too.
  const from = RELATIVE.test(range.text) ? `-${range.text}` : range.from?.toISOString();
  const to = range.moving ? undefined : range.to?.toISOString();
  return { filters: { q: q.trim() || undefined, fuzzy: fuzzy || undefined, from, to }, range, sort, at };
}

/** Whether there are newer entries than those that the list shows. */
export const newer = signal(false);

/** Looks for newer entries, unless the list follows them or ends before them. */
export async function lookForNewer() {
  const search = applied.value;
  if (!search?.range.moving || search.sort !== 'newest' || view.value.live) return;
  if (document.hidden || trouble.value || rows.value.loading) return;
  const { signal: aborted } = controller;
  // If this fails, it is tried again soon.
  const found = await api.search({ ...search.filters, sort: search.sort, limit: 1 }, aborted).catch(() => undefined);
  const newest = found?.data[0]?.id;
  if (newest && !aborted.aborted) newer.value = newest !== rows.value.items[0]?.entry.id;
}

let counting = false;

/** Counts again, for a histogram and fields that move with the time, unless that is still under way. */
export async function refreshCounts() {
  const search = resolve();
  if (!search || counting) return;
  counting = true;
  applied.value = search;
  await Promise.all([loadStats(), loadFields()]);
  counting = false;
}

async function loadStats() {
  const { signal: aborted } = controller;
  const search = /** @type {Applied} */ (applied.value);
  const to = search.filters.to ?? (search.range.to && 'now');
  try {
    const found = await api.histogram({ ...search.filters, to }, aborted);
    if (aborted.aborted) return;
    counted = search;
    stats.value = found;
  } catch (error) {
    report(error, loadStats);
  }
}

async function loadFields() {
  const { signal: aborted } = controller;
  try {
    const found = await api.fields(/** @type {Applied} */ (applied.value).filters, aborted);
    if (!aborted.aborted) fieldList.value = scaled(found);
  } catch (error) {
    report(error, loadFields);
  }
}

/** The fields with counts for all entries: if only a sample was examined, they are estimates. @param {Awaited<ReturnType<typeof api.fields>>} found */
function scaled({ total, examined, fields }) {
  if (examined >= total) return fields;
  const estimate = (/** @type {api.ValueCount} */ { value, count }) => ({ value, count: Math.round((count * total) / examined) });
  return fields.map((field) => ({ ...field, approximate: true, values: field.values.map(estimate) }));
}
