// Edits of a query: include or exclude a value, quote what was pasted.

import { conditions, tokens } from './tokens.js';

const BUILT_IN = new Set(['level', 'service_name', 'message', 'trace_id', 'span_id', 'id', 'timestamp']);
const PLAIN = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_./:-]*[\p{L}\p{N}_])?$/u;
const KEYWORDS = new Set(['AND', 'OR', 'NOT', 'TO']);

/**
 * A field's name as a query writes it: attributes get an `@`.
 * @param {string} field
 */
export function fieldName(field) {
  const name = field.replace(/^attributes\./, '');
  if (BUILT_IN.has(field)) return field;
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(name) ? `@${name}` : `@${quote(name)}`;
}

/** @param {string} text */
export const quote = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** @param {string} value */
export const fieldValue = (value) => (PLAIN.test(value) && !KEYWORDS.has(value) ? value : quote(value));

/**
 * Whether the query asks for a value, or for entries without it.
 * @param {string} query @param {string} field @param {string} value
 * @returns {'included' | 'excluded' | undefined}
 */
export function stateOf(query, field, value) {
  for (const { text } of conditions(query)) {
    const listed = valuesOf(text.replace(/^-/, ''), field);
    if (listed?.includes(fieldValue(value))) return text.startsWith('-') ? 'excluded' : 'included';
  }
  return undefined;
}

/** Adds a value to the query; a second time, removes it. @param {string} query @param {string} field @param {string} value */
export function include(query, field, value) {
  return toggle(query, field, value, false);
}

/** Leaves out entries with a value; a second time, no longer. @param {string} query @param {string} field @param {string} value */
export function exclude(query, field, value) {
  return toggle(query, field, value, true);
}

/** @param {string} query @param {string} field @param {string} value @param {boolean} negative */
function toggle(query, field, value, negative) {
  const before = stateOf(query, field, value);
  const rest = before ? without(query, field, value) : query;
  if (before === (negative ? 'excluded' : 'included')) return rest;
  return negative ? and(rest, `-${fieldName(field)}:${fieldValue(value)}`) : or(rest, field, value);
}

/** Includes a value in addition to those of the field that the query already includes. @param {string} query @param {string} field @param {string} value */
function or(query, field, value) {
  for (const { text, start, end } of hasOr(query) ? [] : conditions(query)) {
    const listed = valuesOf(text, field);
    if (listed) return splice(query, start, end, condition(field, [...listed, fieldValue(value)]));
  }
  return and(query, condition(field, [fieldValue(value)]));
}

/** @param {string} query @param {string} field @param {string} value */
function without(query, field, value) {
  for (const { text, start, end } of conditions(query)) {
    const sign = text.startsWith('-') ? '-' : '';
    const listed = valuesOf(text.slice(sign.length), field);
    if (!listed?.includes(fieldValue(value))) continue;
    const rest = listed.filter((item) => item !== fieldValue(value));
    return splice(query, start, end, rest.length ? sign + condition(field, rest) : '');
  }
  return query;
}

/**
 * The query with one more condition.
 * @param {string} query @param {string} added
 */
export function and(query, added) {
  const before = query.trim();
  if (!before) return added;
  if (conditions(before).some(({ text }) => text === added)) return before;
  return `${hasOr(before) ? `(${before})` : before} ${added}`;
}

/** @param {string} query */
const hasOr = (query) => conditions(query).some(({ text }) => text === 'OR');

/** @param {string} field @param {string[]} values */
function condition(field, values) {
  const list = values.length === 1 ? values[0] : `(${values.join(' OR ')})`;
  return `${fieldName(field)}:${list}`;
}

/** The values in `field:value` or `field:(a OR b)`, as written. @param {string} text @param {string} field @returns {string[] | undefined} */
function valuesOf(text, field) {
  const alias = field === 'service_name' && text.startsWith('service:') ? 'service' : fieldName(field);
  if (!text.startsWith(`${alias}:`)) return undefined;
  const test = text.slice(alias.length + 1);
  if (!test.startsWith('(')) return /^[*<>=![{]/.test(test) || test.endsWith('*') ? undefined : [test];
  const words = tokens(test.slice(1, -1)).filter(({ kind }) => kind !== 'space');
  const values = words.filter((_, i) => i % 2 === 0).map(({ text: word }) => word);
  return words.every(({ text: word }, i) => i % 2 === 0 || word === 'OR') ? values : undefined;
}

/** @param {string} query @param {number} start @param {number} end @param {string} text */
function splice(query, start, end, text) {
  const tail = text ? query.slice(end) : query.slice(end).trimStart();
  return (query.slice(0, start) + text + tail).trim();
}

/**
 * What pasting a text inserts: part of a log line becomes a quoted fragment, a query stays as it is.
 * @param {string} text @param {string} before the query to the left of the caret
 */
export function pasted(text, before) {
  const line =
    text
      .split(/\r?\n/)
      .map((part) => part.trim())
      .find((part) => part) ?? '';
  const inString = tokens(before)
    .at(-1)
    ?.text.match(/^"(?:[^"\\]|\\.)*$/);
  if (inString || PLAIN.test(line) || isQuery(line)) return line;
  return quote(Array.from(line).slice(0, 900).join(''));
}

/** Whether a text was written as a query: one string in quotes, or a condition on a field that every entry has. @param {string} line */
function isQuery(line) {
  if (/^"(?:[^"\\]|\\.)*"$/.test(line) || /^@[\p{L}"]/u.test(line)) return true;
  return /(?:^|[\s(-])(?:level|service|service_name|message|trace_id|span_id|timestamp|pattern|@[\w.]+|attributes\.[\w.]+):\S/.test(line);
}
