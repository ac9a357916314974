// Queries that may be meant by one that finds nothing.

import { BUILT_IN, fieldName, fieldOf, fieldValue, LEVELS } from './query.js';
import { tokens } from './tokens.js';

const FIELDS = [...BUILT_IN, 'service', 'pattern'];
const LEVEL = `(?:${LEVELS.join('|')})\\b`;
/** How terminals begin lines: with a time, a level, something in brackets, or the name of a container. */
const PREFIXED = new RegExp(String.raw`^"(?:[\d[(<]|[a-z]{1,3} *\d|\S+ +\||${LEVEL})`, 'i');
/** What may end before the message begins. */
const END = new RegExp(String.raw`(?:\dZ?|[\])>:|-]|${LEVEL})\s+`, 'gi');
const MAX_CUTS = 8;
/** With its closing quote. */
const MIN_REST = 4;
const MISSING_LETTER = 0.35;

/**
 * The query with the closest fields and values instead of those that no entry has, or without what a terminal shows before a message.
 * @param {string} query @param {{ name: string, values: { value: string }[] }[]} fields the fields that entries have, with common values
 */
export function corrections(query, fields) {
  const names = [...FIELDS, ...fields.map(({ name }) => fieldName(name))];
  const known = new Map(fields.map(({ name, values }) => [name, values.map(({ value }) => value)]));
  known.set('level', [...LEVELS, ...LEVELS.map((level) => level.toLowerCase())]);
  const isKnown = (/** @type {string} */ text) => FIELDS.includes(text) || known.has(fieldOf(text)) || !/^@?\p{L}/u.test(text);
  let field = '';
  const corrected = tokens(query).map(({ kind, text }) => {
    if (kind === 'value') return withClosest(text, known.get(fieldOf(field)));
    if (kind !== 'field') return text;
    field = isKnown(text) ? text : closest(text, names, 2);
    return field;
  });
  return [corrected.join(''), ...cut(query)].filter((other) => other !== query);
}

/** The test of a field with the closest value, unless it names a number or several values. @param {string} test @param {string[]} [values] */
function withClosest(test, values = []) {
  const [, comparison, typed] = /^([:<>=]+)(\p{L}[^*]*)$/u.exec(test) ?? [];
  if (!typed || values.includes(typed)) return test;
  const value = closest(typed, values, 2.5);
  return value === typed ? test : comparison + fieldValue(value);
}

/**
 * The name that costs least, or the typed one. Missing letters cost little: `lvl` means `level`.
 * @param {string} typed @param {string[]} names @param {number} letters of which one may be wrong
 */
function closest(typed, names, letters) {
  let least = typed.length / letters;
  let found = typed;
  for (const name of names) {
    const cost = difference(bare(typed), bare(name));
    if (cost < least) [least, found] = [cost, name];
  }
  return found;
}

/** @param {string} name */
const bare = (name) => name.replace(/^@|^attributes\./, '').toLowerCase();

/** The cost of changing one word into another. @param {string} typed @param {string} name */
function difference(typed, name) {
  let costs = Array.from({ length: name.length + 1 }, (_, i) => i * MISSING_LETTER);
  for (const letter of typed.split('')) {
    const before = costs;
    costs = [before[0] + 1];
    for (let i = 0; i < name.length; i += 1)
      costs.push(Math.min(before[i + 1] + 1, costs[i] + MISSING_LETTER, before[i] + Number(name[i] !== letter)));
  }
  return costs[name.length];
}

/** The query with less and less of the line in quotes. @param {string} query */
function cut(query) {
  const line = tokens(query).find(({ text }) => PREFIXED.test(text));
  if (!line) return [];
  const ends = Array.from(line.text.matchAll(END), ({ index, 0: { length } }) => line.start + index + length);
  return ends
    .filter((end) => end < line.end - MIN_REST)
    .slice(0, MAX_CUTS)
    .map((end) => `${query.slice(0, line.start)}"${query.slice(end)}`);
}

/** Whether a quote or a bracket is not closed. @param {string} query */
export function isOpen(query) {
  const outside = query.replace(/"(?:[^"\\]|\\.)*"/g, '');
  return outside.includes('"') || ['()', '[]'].some(([open, close]) => outside.split(open).length > outside.split(close).length);
}
