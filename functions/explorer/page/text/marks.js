// Which parts of a message to mark.

import { tokens } from './tokens.js';

/**
 * @typedef {{ start: number, end: number }} TextRange in characters
 * @typedef {{ text: string, hit: boolean }} Part
 */

const SURROGATE = /[\ud800-\udfff]/;

/**
 * The message in parts that match and parts that do not.
 * @param {string} message @param {TextRange[]} ranges sorted
 * @returns {Part[]}
 */
export function parts(message, ranges) {
  if (!ranges.length) return [{ text: message, hit: false }];
  const characters = SURROGATE.test(message) ? Array.from(message) : undefined;
  const slice = (/** @type {number} */ a, /** @type {number} */ b) => (characters ? characters.slice(a, b).join('') : message.slice(a, b));
  /** @type {Part[]} */
  const found = [];
  let done = 0;
  for (const { start, end } of ranges) {
    if (end <= done) continue;
    if (start > done) found.push({ text: slice(done, start), hit: false });
    found.push({ text: slice(Math.max(start, done), end), hit: true });
    done = end;
  }
  const rest = slice(done, message.length);
  if (rest) found.push({ text: rest, hit: false });
  return found;
}

/**
 * What a query's words and quoted texts match, for entries that come without highlights, as those of the live tail do.
 * @param {string} query
 * @returns {(message: string) => TextRange[]}
 */
export function marker(query) {
  const sources = wanted(query).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  if (!sources.length) return () => [];
  const pattern = new RegExp(sources.join('|'), 'giu');
  return (message) => {
    if (SURROGATE.test(message)) return [];
    return Array.from(message.slice(0, 4000).matchAll(pattern))
      .slice(0, 100)
      .map((m) => ({ start: m.index, end: m.index + m[0].length }));
  };
}

/** @param {string} query */
function wanted(query) {
  /** @type {string[]} */
  const found = [];
  let negated = false;
  for (const { kind, text } of tokens(query)) {
    if (kind === 'space') continue;
    if (!negated && kind === 'word') found.push(text.replace(/\*$/, ''));
    if (!negated && kind === 'string') found.push(text.replace(/^"|"$/g, '').replace(/\\(.)/g, '$1'));
    negated = kind === 'operator' && (text === 'NOT' || text === '-' || text === '!');
  }
  return found.filter((text) => text.length > 1);
}
