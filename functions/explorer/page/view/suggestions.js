// The list below the query.

import { html } from './html.js';

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
