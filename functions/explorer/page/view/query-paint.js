// The colours below the query's text, and the mark below its mistake.

import { tokens } from '../text/tokens.js';
import { html } from './html.js';

/** @typedef {{ start: number, end: number, detail: string }} Mistake */

/**
 * The mistake that the server found in the query. Its position is in characters.
 * @param {import('../api/request.js').Failure | undefined} failure @param {string} query
 * @returns {Mistake | undefined}
 */
export function mistakeIn(failure, query) {
  const error = failure?.errors.find(({ field }) => field === 'q');
  if (!error) return undefined;
  const characters = Array.from(query);
  const offset = query.length - query.trimStart().length;
  const start = characters.slice(0, error.position ?? 0).join('').length + offset;
  const word = tokens(query).find((token) => token.end > start && token.kind !== 'space');
  const end = error.position === undefined ? query.length : Math.max(start + 1, word?.end ?? start + 1);
  return { start, end, detail: error.detail };
}

/** @param {{ query: string, mistake: Mistake | undefined, scroller: { current: HTMLElement | null } }} props */
export function QueryPaint({ query, mistake, scroller }) {
  const padded = mistake && mistake.end > query.length ? `${query} ` : query;
  return html`<div class="query-paint" ref=${scroller} aria-hidden="true">
    <span class="query-tokens">${tokens(padded).map(({ kind, text }) => html`<span class=${`token-${kind}`}>${text}</span>`)}</span>
    ${mistake && html`<span class="query-mark">${padded.slice(0, mistake.start)}<span class="mistake">${padded.slice(mistake.start, mistake.end)}</span></span>`}
  </div>`;
}
