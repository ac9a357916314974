// What may follow at the caret of a query: fields, values, recent queries.

import { BUILT_IN, fieldName, fieldOf, fieldValue, LEVELS } from './query.js';
import { wordAt } from './tokens.js';

/**
 * @typedef {{ label: string, detail: string, insert: string, start: number, end: number }} Suggestion
 * @typedef {{ value: string, count?: number }} Value
 * @typedef {object} Knowledge
 * @property {{ name: string, share: number, values: Value[] }[]} fields
 * @property {Value[]} [values] of the field at the caret
 * @property {string[]} recent
 */

const MAX = 12;

/**
 * @param {string} query @param {number} caret @param {Knowledge} known
 * @returns {Suggestion[]}
 */
export function suggest(query, caret, known) {
  const word = wordAt(query, caret);
  if (word.field) return valuesFor(word, known);
  if (!word.typed) return query.trim() ? [] : recentFor(query, known);
  return [...fieldsFor(word, known), ...conditionsFor(word, known)].slice(0, MAX);
}

/** The name of the field at the caret as the operations for analytics write it. @param {string} query @param {number} caret */
export function fieldAt(query, caret) {
  const { field } = wordAt(query, caret);
  return field && fieldOf(field);
}

/** @param {ReturnType<typeof wordAt>} word @param {Knowledge} known @returns {Suggestion[]} */
function valuesFor({ field, typed, start, end }, { values = [] }) {
  const levels =
    field === 'level' ? LEVELS.filter((level) => !values.some(({ value }) => value === level)).map((value) => ({ value })) : [];
  const text = typed.replace(/^"/, '').toLowerCase();
  return /** @type {Value[]} */ ([...values, ...levels])
    .filter(({ value }) => value.toLowerCase().includes(text) && fieldValue(value) !== typed)
    .sort((a, b) => Number(b.value.toLowerCase().startsWith(text)) - Number(a.value.toLowerCase().startsWith(text)))
    .slice(0, MAX)
    .map(({ value, count }) => ({ label: value, detail: count === undefined ? '' : String(count), insert: fieldValue(value), start, end }));
}

/** @param {ReturnType<typeof wordAt>} word @param {Knowledge} known @returns {Suggestion[]} */
function fieldsFor({ typed, start, end }, { fields }) {
  const text = typed.replace(/^@/, '').toLowerCase();
  const names = [...new Set([...BUILT_IN, ...fields.map(({ name }) => name)])].filter(
    (name) => !typed.startsWith('@') || !BUILT_IN.includes(name),
  );
  const rank = (/** @type {string} */ name) => (shortName(name).toLowerCase().startsWith(text) ? 0 : 1);
  return names
    .filter((name) => shortName(name).toLowerCase().includes(text))
    .sort((a, b) => rank(a) - rank(b))
    .map((name) => ({ label: `${fieldName(name)}:`, detail: 'field', insert: `${fieldName(name)}:`, start, end }));
}

/** Values of the fields that every entry has: `pay` may become `service_name:payment`. @param {ReturnType<typeof wordAt>} word @param {Knowledge} known @returns {Suggestion[]} */
function conditionsFor({ typed, start, end }, { fields }) {
  const text = typed.toLowerCase();
  return fields
    .filter(({ name }) => name === 'level' || name === 'service_name')
    .flatMap(({ name, values }) =>
      values
        .filter(({ value }) => value.toLowerCase().startsWith(text))
        .map(({ value, count }) => {
          const insert = `${name}:${fieldValue(value)}`;
          return { label: insert, detail: String(count), insert, start, end };
        }),
    );
}

/** @param {string} query @param {Knowledge} known @returns {Suggestion[]} */
function recentFor(query, { recent }) {
  return recent.slice(0, MAX).map((text) => ({ label: text, detail: 'recent', insert: text, start: 0, end: query.length }));
}

/** @param {string} name */
export const shortName = (name) => name.replace(/^attributes\./, '');

/** The title of a column. @param {string} name */
export const columnTitle = (name) => ({ level: 'Level', service_name: 'Service', trace_id: 'Trace' })[name] ?? shortName(name);
