// What to offer if a search finds nothing.

import * as api from '../api/logs.js';
import { corrections } from '../text/correct.js';
import { plural } from '../text/format.js';

/**
 * The first correction of the query that has hits, or else what the server offers.
 * @param {api.Filters} filters @param {api.Hint | undefined} offered @param {AbortSignal} aborted
 * @returns {Promise<api.Hint | undefined>}
 */
export async function findHint({ q: query = '', ...filters }, offered, aborted) {
  // The query itself has hits at another time.
  if (!query || offered?.without) return offered;
  const { from, to } = filters;
  const { fields } = await api.fields({ from, to }, aborted);
  const names = fields.map(({ name }) => name);
  for (const q of corrections(query, names)) {
    const { total } = await api.search({ ...filters, q, sort: 'newest', limit: 1 }, aborted);
    if (total) return { q, total, detail: `the query ${q} has ${plural(total, 'hit')}` };
  }
  return offered;
}
