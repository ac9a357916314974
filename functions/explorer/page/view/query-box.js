// The query: coloured, completed, and with its mistake marked.

import { submit } from '../state/actions.js';
import { trouble } from '../state/failure.js';
import { recentQueries } from '../state/preferences.js';
import { fieldList, useValues } from '../state/search.js';
import { use } from '../state/signal.js';
import { view } from '../state/view.js';
import { fieldAt, suggest } from '../text/complete.js';
import { pasted } from '../text/query.js';
import { tokens } from '../text/tokens.js';
import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { classes, html, Icon } from './elements.js';

export function QueryBox() {
  const { q } = use(view);
  const fields = use(fieldList);
  const current = use(trouble);
  const [draft, setDraft] = useState(q);
  const [caret, setCaret] = useState(-1);
  const [chosen, setChosen] = useState(-1);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const paint = useRef(/** @type {HTMLElement | null} */ (null));
  const values = useValues(caret < 0 ? undefined : fieldAt(draft, caret));
  useEffect(() => setDraft(q), [q]);
  const align = () => {
    if (paint.current && input.current) paint.current.scrollLeft = input.current.scrollLeft;
  };
  useEffect(align);

  const items = caret < 0 ? [] : suggest(draft, caret, { fields, values, recent: recentQueries() });
  const mistake = draft === q ? mistakeIn(current?.failure, q) : undefined;

  const close = () => {
    setCaret(-1);
    setChosen(-1);
  };
  /** @param {import('../text/complete.js').Suggestion} item */
  const accept = (item) => {
    const next = draft.slice(0, item.start) + item.insert + draft.slice(item.end);
    const at = item.start + item.insert.length;
    setDraft(next);
    setChosen(-1);
    setCaret(item.insert.endsWith(':') ? at : -1);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(at, at);
    });
    if (item.detail === 'recent') submit(next);
  };
  /** @param {Event} event */
  const typed = (event) => {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget);
    setDraft(field.value);
    setCaret(field.selectionStart ?? field.value.length);
    setChosen(-1);
  };
  /** @param {KeyboardEvent} event */
  const keydown = (event) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step && !items.length && step > 0) setCaret(input.current?.selectionStart ?? 0);
    if (step && items.length) setChosen(chosen + step < -1 ? items.length - 1 : chosen + step >= items.length ? -1 : chosen + step);
    else if ((event.key === 'Enter' || event.key === 'Tab') && items[chosen]) accept(items[chosen]);
    else if (event.key === 'Escape' && items.length) close();
    else if (event.key === 'Escape') input.current?.blur();
    else return;
    event.preventDefault();
  };
  const empty = () => {
    setDraft('');
    submit('');
  };
  /** @param {SubmitEvent} event */
  const search = (event) => {
    event.preventDefault();
    close();
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
          value=${draft} onInput=${typed} onKeyDown=${keydown} onPaste=${paste} onBlur=${close}
          onClick=${() => !draft && setCaret(0)} onScroll=${align} />
      </div>
      ${draft && html`<button type="button" class="icon-button" aria-label="Clear query" onClick=${empty}><${Icon} name="close" /></button>`}
    </div>
    <button class="button primary" type="submit">Search</button>
    <${Suggestions} items=${items} chosen=${chosen} accept=${accept} />
  </form>`;
}

/** Quotes what is pasted, in a way that the browser can undo. @param {ClipboardEvent} event */
function paste(event) {
  const field = /** @type {HTMLInputElement} */ (event.currentTarget);
  const text = event.clipboardData?.getData('text') ?? '';
  const insert = pasted(text, field.value.slice(0, field.selectionStart ?? 0));
  if (!insert || insert === text) return;
  event.preventDefault();
  document.execCommand('insertText', false, insert);
}

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

/** @param {{ items: import('../text/complete.js').Suggestion[], chosen: number, accept: (item: import('../text/complete.js').Suggestion) => void }} props */
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
