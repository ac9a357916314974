// Edits of a query: include or exclude a value, quote what was pasted.

import { conditions, tokens } from './tokens.js';

/** The fields of every entry, and their levels. */
export const BUILT_IN = ['level', 'service_name', 'message', 'trace_id', 'span_id', 'timestamp', 'id'];
export const LEVELS = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'];
const PLAIN = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_./:-]*[\p{L}\p{N}_])?$/u;
const KEYWORDS = new Set(['AND', 'OR', 'NOT', 'TO']);

/**
 * A field's name as a query writes it: attributes get an `@`.
 * @param {string} field
 */
export function fieldName(field) {
  const name = field.replace(/^attributes\./, '');
  if (BUILT_IN.includes(field)) return field;
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(name) ? `@${name}` : `@${quote(name)}`;
}

/**
 * The name of a field as the operations for analytics write it: `service` is `service_name`, and `@user` is `attributes.user`.
 * @param {string} written
 */
export function fieldOf(written) {
  if (written === 'service') return 'service_name';
  return BUILT_IN.includes(written) ? written : `attributes.${unquote(written.replace(/^(?:@|attributes\.)/, ''))}`;
}

/** @param {string} text */
export const quote = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** @param {string} text */
const unquote = (text) => (/^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text);

/** @param {string} value */
export const fieldValue = (value) => (PLAIN.test(value) && !KEYWORDS.has(value) ? value : quote(value));

/**
 * Whether the query asks for a value, or for entries without it.
 * @param {string} query @param {string} field @param {string} value
 * @returns {'included' | 'excluded' | undefined}
 */
export function stateOf(query, field, value) {
  const found = find(query, field, value);
  return found && (found.negative ? 'excluded' : 'included');
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
  const found = find(query, field, value);
  const rest = found ? replace(query, found, field, found.others) : query;
  if (found?.negative === negative) return rest;
  return negative ? and(rest, `-${condition(field, [value])}`) : or(rest, field, value);
}

/** Includes a value in addition to those of the field that the query already includes. @param {string} query @param {string} field @param {string} value */
function or(query, field, value) {
  const listed = included(query, field);
  return listed ? replace(query, listed, field, [...(valuesOf(listed.test, field) ?? []), value]) : and(query, condition(field, [value]));
}

/** The condition that lists the values of a field to include. @param {string} query @param {string} field */
const included = (query, field) => requirements(query).find(({ negative, test }) => !negative && valuesOf(test, field));

/** The query for any value of a field, if it includes only some. @param {string} query @param {string} field */
export function withAny(query, field) {
  const listed = included(query, field);
  return listed && replace(query, listed, field, []);
}

/** The condition that names a value, with the other values that it names. @param {string} query @param {string} field @param {string} value */
function find(query, field, value) {
  const same = (/** @type {string} */ other) => other === value || (field === 'level' && other.toUpperCase() === value.toUpperCase());
  for (const required of requirements(query)) {
    const listed = valuesOf(required.test, field);
    if (listed?.some(same)) return { ...required, others: listed.filter((other) => !same(other)) };
  }
  return undefined;
}

/**
 * The query with one more condition, instead of the opposite one.
 * @param {string} query @param {string} added @returns {string}
 */
export function and(query, added) {
  const before = query.trim();
  if (!before) return added;
  const test = added.replace(/^-/, '');
  const same = requirements(before).find((required) => required.test === test);
  if (same) return same.negative === (test !== added) ? before : and(replace(before, same, '', []), added);
  return `${hasOr(before) ? `(${before})` : before} ${added}`;
}

/** @typedef {{ start: number, end: number, sign: string, negative: boolean, test: string }} Required `sign` is what negates the test */

/**
 * The conditions that every entry must fulfil: none if the query has alternatives.
 * @param {string} query @returns {Required[]}
 */
function requirements(query) {
  /** @type {Required[]} */
  const found = [];
  let first = -1;
  for (const { text, start, end } of hasOr(query) ? [] : conditions(query)) {
    if (text === 'AND') continue;
    if (first < 0) first = start;
    if (text === 'NOT') continue;
    const signed = query.slice(first, end);
    const sign = /^(?:NOT\s+|[-!])*/.exec(signed)?.[0] ?? '';
    const negative = sign.replace(/\s|OT/g, '').length % 2 > 0;
    found.push({ start: first, end, sign, negative, test: signed.slice(sign.length) });
    first = -1;
  }
  return found;
}

/** The conditions that name patterns, each with the rest of the query. @param {string} query */
export function patternsIn(query) {
  const named = requirements(query).filter(({ test }) => /^\(?pattern:/.test(test));
  return named.map((required) => ({ test: required.test, negative: required.negative, rest: replace(query, required, '', []) }));
}

/** @param {string} query */
function hasOr(query) {
  let depth = 0;
  return tokens(query).some(({ text }) => {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    return depth <= 0 && text === 'OR';
  });
}

/** @param {string} field @param {string[]} values */
function condition(field, values) {
  const list = values.map(fieldValue).join(' OR ');
  return `${fieldName(field)}:${values.length === 1 ? list : `(${list})`}`;
}

/** The values in `field:value` or `field:(a OR b)`. @param {string} test @param {string} field @returns {string[] | undefined} */
function valuesOf(test, field) {
  const name = tokens(test)[0];
  if (name?.kind !== 'field' || fieldOf(name.text) !== field || test[name.end] !== ':') return undefined;
  const list = /^\(([^()]*)\)$/.exec(test.slice(name.end + 1))?.[1];
  const written = list === undefined ? [test.slice(name.end + 1)] : (list.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? []);
  const values = written.filter((word) => word !== 'OR');
  return values.some((word) => /^[*<>=![{(]|^(?:AND|NOT)$|\*$/.test(word)) ? undefined : values.map(unquote);
}

/** Replaces the values of a condition; without values, removes it, and the AND beside it. @param {string} query @param {Required} required @param {string} field @param {string[]} values */
function replace(query, { start, end, sign }, field, values) {
  if (values.length) return query.slice(0, start) + sign + condition(field, values) + query.slice(end);
  const before = query.slice(0, start).replace(/(^|[\s)"])AND\s*$/, '$1');
  const after = before.trim() ? query.slice(end) : query.slice(end).replace(/^\s*AND(?=[\s(])/, '');
  return `${before.trimEnd()} ${after.trimStart()}`.trim();
}

/**
 * What pasting a text inserts: part of a log line becomes a quoted fragment, a query stays as it is.
 * @param {string} text @param {string} before the query to the left of the caret @param {number} room in UTF-16 code units
 */
export function pasted(text, before, room = 1024) {
  const line =
    text
      .split(/\r?\n/)
      .map((part) => part.trim())
      .find((part) => part) ?? '';
  const inString = tokens(before)
    .at(-1)
    ?.text.match(/^"(?:[^"\\]|\\.)*$/);
  if (inString || PLAIN.test(line) || isQuery(line)) return line;
  let fragment = '';
  for (const character of line) {
    const longer = fragment + character;
    if (quote(longer).length > room) break;
    fragment = longer;
  }
  return fragment && quote(fragment);
}

/** Whether a text was written as a query: one string in quotes, or a condition on a field that every entry has. @param {string} line */
function isQuery(line) {
  if (/^"(?:[^"\\]|\\.)*"$/.test(line) || /^@[\p{L}"]/u.test(line)) return true;
  return /(?:^|[\s(-])(?:level|service|service_name|message|trace_id|span_id|timestamp|pattern|@[\w.]+|attributes\.[\w.]+):\S/.test(line);
}
