// Cuts a query into tokens, for its colours, its completion and its conditions. The server alone decides what a query means.

/**
 * @typedef {'space' | 'operator' | 'paren' | 'field' | 'value' | 'string' | 'word'} TokenKind
 * @typedef {{ kind: TokenKind, text: string, start: number, end: number }} Token
 */

const STRING = String.raw`"(?:[^"\\]|\\.)*"`;
const FIELD = String.raw`@?(?:${STRING}|[\p{L}\p{N}_@][\p{L}\p{N}_@./-]*)(?=:|!=|>=|<=|[=<>])(?!:\/\/)`;
const TOKEN = new RegExp(
  String.raw`(\s+)|((?:AND|OR|NOT)(?=[\s()]|$)|[-!](?=[\p{L}\p{N}_@"(]))|([()])|(${FIELD})|(${STRING}?)|([^\s()"]+)`,
  'gu',
);
/** @type {TokenKind[]} */
const KINDS = ['space', 'operator', 'paren', 'field', 'string', 'word'];
const COMPARISON = /^:?(?:!=|>=|<=|[=<>])|^:/;

/**
 * @param {string} query
 * @returns {Token[]}
 */
export function tokens(query) {
  /** @type {Token[]} */
  const found = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(query); match; match = TOKEN.exec(query)) {
    const group = match.slice(1).findIndex((text) => text !== undefined);
    const kind = follows(found, match) ? 'value' : KINDS[group];
    found.push({ kind, text: match[0], start: match.index, end: match.index + match[0].length });
  }
  return found;
}

/** Whether a token is the test after a field: `:error` or the string in `:"a b"`. @param {Token[]} found @param {RegExpExecArray} match */
function follows(found, match) {
  const before = found.at(-1);
  if (!before || before.end !== match.index) return false;
  if (before.kind === 'field') return true;
  return before.kind === 'value' && match[0].startsWith('"') && COMPARISON.test(before.text) && before.text.replace(COMPARISON, '') === '';
}

/**
 * The conditions of a query that are joined by AND, with their positions. Parentheses stay together.
 * @param {string} query
 * @returns {{ text: string, start: number, end: number }[]}
 */
export function conditions(query) {
  /** @type {{ text: string, start: number, end: number }[]} */
  const found = [];
  let depth = 0;
  let open = false;
  for (const token of tokens(query)) {
    if (token.text === '(') depth += 1;
    if (token.kind === 'space' && depth === 0) open = false;
    else if (open) extend(found[found.length - 1], query, token.end);
    else {
      found.push({ text: token.text, start: token.start, end: token.end });
      open = true;
    }
    if (token.text === ')') depth = Math.max(0, depth - 1);
  }
  return found;
}

/** @param {{ text: string, start: number, end: number }} condition @param {string} query @param {number} end */
function extend(condition, query, end) {
  condition.end = end;
  condition.text = query.slice(condition.start, end);
}

/**
 * Where the caret stands: in the name of a field, or in the value of one.
 * @param {string} query @param {number} caret
 * @returns {{ start: number, end: number, field?: string, typed: string }}
 */
export function wordAt(query, caret) {
  const before = query.slice(0, caret);
  const last = conditions(before).at(-1);
  if (!last || last.end < caret) return { start: caret, end: caret, typed: '' };
  const sign = /^(?:[-!]?\(+)*[-!]?/.exec(last.text)?.[0].length ?? 0;
  const text = last.text.slice(sign);
  const match = /^(@?(?:"(?:[^"\\]|\\.)*"|[^\s:=<>!"()]+))(?::(?:\(?(?:.* OR )?)?(?:>=|<=|>|<|=)?|!=|>=|<=|=)(.*)$/.exec(text);
  if (!match || match[2].startsWith('//')) return { start: last.start + sign, end: caret, typed: text };
  return { start: caret - match[2].length, end: caret, field: match[1], typed: match[2] };
}
