// The operations of LogPulse that the page uses; openapi.json describes them.

import { json, send, url } from './request.js';

/**
 * @typedef {import('../text/marks.js').TextRange} TextRange
 * @typedef {{ q?: string, fuzzy?: boolean, from?: string, to?: string }} Filters
 * @typedef {object} LogEntry
 * @property {string} id
 * @property {string} timestamp
 * @property {string} level
 * @property {string} service_name
 * @property {string} message
 * @property {string} [trace_id]
 * @property {string} [span_id]
 * @property {Record<string, unknown>} [attributes]
 * @typedef {{ detail: string, total: number, q?: string, fuzzy?: boolean, without?: string[] }} Hint
 * @typedef {{ count: number, total: number, data: LogEntry[], highlights?: { message: TextRange[], attributes: string[] }[], next_cursor?: string, hint?: Hint, index?: string }} SearchPage
 * @typedef {{ by?: Record<string, string>, values: (number | null)[], total?: number }} Series
 * @typedef {{ value: string, count: number }} ValueCount
 * @typedef {{ total: number, from?: string, to?: string, interval?: string, buckets: string[], series: Series[], other?: Series, top?: Record<string, { values: ValueCount[], other: number, distinct: number }> }} Stats
 * @typedef {{ name: string, types: string[], share: number, distinct: number, approximate?: boolean, values: ValueCount[] }} Field
 * @typedef {{ template: string, q: string, templates: number, count: number, share: number, first_seen: string, last_seen: string, sparkline: number[], example_ids: string[], variables: { placeholder: string, values: string[] }[] }} Pattern
 * @typedef {{ position: number, data: LogEntry[], before_cursor?: string, after_cursor?: string }} Context
 */

/** @param {Filters & { sort: string, limit: number, cursor?: string }} params @param {AbortSignal} [signal] @returns {Promise<SearchPage>} */
export const search = (params, signal) => json(url('logs/search', { ...params, highlight: Boolean(params.q) }), { signal });

/** @param {Filters} filters @param {AbortSignal} [signal] @returns {Promise<Stats>} */
export const histogram = (filters, signal) =>
  json(url('logs/stats', { ...filters, by: 'level', tz: Intl.DateTimeFormat().resolvedOptions().timeZone }), { signal });

/** @param {Filters} filters @param {string} field @param {number} limit @param {AbortSignal} [signal] @returns {Promise<ValueCount[]>} */
export async function topValues(filters, field, limit, signal) {
  const stats = await json(url('logs/stats', { ...filters, top: `${field}:${limit}` }), { signal });
  return stats.top?.[field]?.values ?? [];
}

/** @param {Filters} filters @param {AbortSignal} [signal] @returns {Promise<{ total: number, examined: number, fields: Field[] }>} */
export const fields = (filters, signal) => json(url('logs/fields', { ...filters, values: 8 }), { signal });

/** @param {Filters & { new_since?: string }} filters @param {AbortSignal} [signal] @returns {Promise<{ total: number, patterns: Pattern[], other: number, approximate?: boolean }>} */
export const patterns = (filters, signal) => json(url('logs/patterns', { ...filters, limit: 100 }), { signal });

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<LogEntry>} */
export const entry = (id, signal) => json(`logs/${encodeURIComponent(id)}`, { signal });

/** @param {string} id @param {{ before: number, after: number, scope: string }} params @param {AbortSignal} [signal] @returns {Promise<Context>} */
export const context = (id, params, signal) => json(url(`logs/${encodeURIComponent(id)}/context`, params), { signal });

/** @param {Filters & { sort: string }} filters @param {'ndjson' | 'csv'} format */
export const exportUrl = (filters, format) => url('logs/export', { ...filters, format });

/** Sends an entry and waits until it is stored. @param {object} draft */
export async function save(draft) {
  const saved = await json('logs', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(draft) });
  await send(`logs/${saved.id}`, { headers: { prefer: 'wait=5' } });
}
