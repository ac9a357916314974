// The query: coloured, completed, and with its mistake marked.

import { topValues } from '../api/logs.js';
import { submit } from '../state/actions.js';
import { trouble } from '../state/failure.js';
import { recentQueries } from '../state/preferences.js';
import { applied, fieldList } from '../state/search.js';
import { use } from '../state/signal.js';
import { view } from '../state/view.js';
import { fieldAt, suggest } from '../text/complete.js';
import { pasted } from '../text/query.js';
import { tokens } from '../text/tokens.js';
import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { classes, html, Icon } from './elements.js';

/** @typedef {import('../text/complete.js').Suggestion} Suggestion */

/** @typedef {import('../api/logs.js').ValueCount} ValueCount */

const WAIT_MS = 150;
const MAX_VALUES = 50;
/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

export function QueryBox() {
  const { q } = use(view);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const paint = useRef(/** @type {HTMLElement | null} */ (null));
  const completion = useCompletion(input, q);
  const { draft, items, chosen } = completion;
  const failure = use(trouble)?.failure;
  const mistake = draft === q ? mistakeIn(failure, q) : undefined;
  const align = () => {
    if (paint.current && input.current) paint.current.scrollLeft = input.current.scrollLeft;
  };
  useEffect(align);
  const empty = () => {
    completion.write('');
    submit('');
  };
  /** @param {SubmitEvent} event */
  const search = (event) => {
    event.preventDefault();
    completion.close();
    submit(draft.trim());
  };
  return html`<form class="query-form" role="search" aria-label="Logs" onSubmit=${search}>
    <div class=${classes('query', mistake && 'wrong')}>
      <${Icon} name="search" />
      <div class="query-field">
        <${QueryPaint} query=${draft} mistake=${mistake} scroller=${paint} />
        <input id="query" ref=${input} role="combobox" aria-label="Query" aria-autocomplete="list" aria-expanded=${items.length > 0} aria-controls="suggestions"
          aria-activedescendant=${chosen >= 0 ? `suggestion-${chosen}` : undefined} aria-invalid=${Boolean(mistake)} aria-describedby=${mistake ? 'query-mistake' : undefined}
          placeholder="Search logs: words, “exact text”, field:value" maxlength="1024" autocomplete="off" autocapitalize="off" spellcheck=${false} enterkeyhint="search"
          value=${draft} onInput=${completion.typed} onKeyDown=${completion.keydown} onPaste=${paste} onBlur=${completion.close}
          onClick=${completion.offerRecent} onScroll=${align} />
      </div>
      ${draft && html`<button type="button" class="icon-button" aria-label="Clear query" onClick=${empty}><${Icon} name="close" /></button>`}
    </div>
    <button class="button primary" type="submit">Search</button>
    <${Suggestions} items=${items} chosen=${chosen} accept=${completion.accept} />
  </form>`;
}

/**
 * What is typed, and what may complete it.
 * @param {{ current: HTMLInputElement | null }} input @param {string} q the query of the view, which replaces what is typed when it changes
 */
function useCompletion(input, q) {
  const fields = use(fieldList);
  const [draft, write] = useState(q);
  const [caret, setCaret] = useState(-1);
  const [chosen, setChosen] = useState(-1);
  const values = useValues(caret < 0 ? undefined : fieldAt(draft, caret));
  useEffect(() => write(q), [q]);
  const items = caret < 0 ? [] : suggest(draft, caret, { fields, values, recent: recentQueries() });
  /** @param {number} at -1 to close the list */
  const offer = (at) => {
    setCaret(at);
    setChosen(-1);
  };
  const close = () => offer(-1);
  /** @param {Suggestion} item */
  const accept = (item) => {
    const next = draft.slice(0, item.start) + item.insert + draft.slice(item.end);
    const at = item.start + item.insert.length;
    write(next);
    offer(item.insert.endsWith(':') ? at : -1);
    requestAnimationFrame(() => input.current?.setSelectionRange(at, at));
    if (item.detail === 'recent') submit(next);
  };
  /** @param {Event} event */
  const typed = (event) => {
    const { value, selectionStart } = /** @type {HTMLInputElement} */ (event.currentTarget);
    write(value);
    offer(selectionStart ?? value.length);
  };
  /** @param {KeyboardEvent} event */
  const keydown = (event) => {
    const step = STEPS[event.key] ?? 0;
    if (step && items.length) setChosen(((chosen + 1 + step + items.length + 1) % (items.length + 1)) - 1);
    else if (step > 0) offer(input.current?.selectionStart ?? 0);
    else if ((event.key === 'Enter' || event.key === 'Tab') && items[chosen]) accept(items[chosen]);
    else if (event.key === 'Escape' && items.length) close();
    else if (event.key === 'Escape') input.current?.blur();
    else return;
    event.preventDefault();
  };
  const offerRecent = () => draft || offer(0);
  return { draft, items, chosen, write, close, accept, typed, keydown, offerRecent };
}

/**
 * The values of a field in the shown range of time: immediately those that the list of fields has, then more.
 * @param {string | undefined} field
 * @returns {ValueCount[]}
 */
function useValues(field) {
  const [found, setFound] = useState(/** @type {{ field: string, values: ValueCount[] } | undefined} */ (undefined));
  useEffect(() => {
    if (!field || !/^(level|service_name|attributes\.[^,]+)$/.test(field)) return;
    const controller = new AbortController();
    const { from, to } = applied.value?.filters ?? {};
    const timer = setTimeout(async () => {
      // Without them, completion has the values of the list of fields.
      const values = await topValues({ from, to }, field, MAX_VALUES, controller.signal).catch(() => undefined);
      if (values) setFound({ field, values });
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [field]);
  if (!field) return [];
  return found?.field === field ? found.values : (fieldList.value.find(({ name }) => name === field)?.values ?? []);
}

/** Quotes what is pasted, in a way that the browser can undo. @param {ClipboardEvent} event */
function paste(event) {
  const field = /** @type {HTMLInputElement} */ (event.currentTarget);
  const text = event.clipboardData?.getData('text') ?? '';
  const { value, selectionStart, selectionEnd, maxLength } = field;
  const rest = value.length - (selectionEnd ?? 0) + (selectionStart ?? 0);
  const insert = pasted(text, value.slice(0, selectionStart ?? 0), maxLength - rest);
  if (!insert || insert === text) return;
  event.preventDefault();
  document.execCommand('insertText', false, insert);
}

/** @typedef {{ start: number, end: number }} Mistake */

/**
 * The mistake that the server found in the query. Its position is in characters.
 * @param {import('../api/request.js').Failure | undefined} failure @param {string} query
 * @returns {Mistake | undefined}
 */
function mistakeIn(failure, query) {
  const error = failure?.errors.find(({ field }) => field === 'q');
  if (!error) return undefined;
  const characters = Array.from(query);
  const offset = query.length - query.trimStart().length;
  const start = characters.slice(0, error.position ?? 0).join('').length + offset;
  const word = tokens(query).find((token) => token.end > start && token.kind !== 'space');
  const end = error.position === undefined ? query.length : Math.max(start + 1, word?.end ?? start + 1);
  return { start, end };
}

/** @param {{ query: string, mistake: Mistake | undefined, scroller: { current: HTMLElement | null } }} props */
function QueryPaint({ query, mistake, scroller }) {
  const padded = mistake && mistake.end > query.length ? `${query} ` : query;
  return html`<div class="query-paint" ref=${scroller} aria-hidden="true">
    ${mistake && html`<span class="query-mark">${padded.slice(0, mistake.start)}<span class="mistake">${padded.slice(mistake.start, mistake.end)}</span></span>`}
    <span class="query-tokens">${tokens(padded).map(({ kind, text }) => html`<span class=${`token-${kind}`}>${text}</span>`)}</span>
  </div>`;
}

/** @param {{ items: Suggestion[], chosen: number, accept: (item: Suggestion) => void }} props */
export function Suggestions({ items, chosen, accept }) {
  return html`<ul id="suggestions" class="suggestions" role="listbox" aria-label="Suggestions" hidden=${items.length === 0}>
    ${items.map(
      (
        item,
        i,
      ) => html`<li id=${`suggestion-${i}`} key=${item.label} role="option" aria-selected=${i === chosen} onPointerDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => accept(item)}>
      <span class="suggestion-label">${item.label}</span><span class="suggestion-detail">${item.detail}</span>
    </li>`,
    )}
  </ul>`;
}
