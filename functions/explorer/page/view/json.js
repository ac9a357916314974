// An entry as JSON, coloured.

import { html } from './html.js';
import { Icon } from './icons.js';
import { copy } from './toast.js';

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)/g;

/** @param {{ value: unknown }} props */
export function Json({ value }) {
  const text = JSON.stringify(value, null, 2);
  return html`<div class="json"><button type="button" class="button" onClick=${() => copy(text, 'JSON copied')}><${Icon} name="copy" />Copy JSON</button>
    <pre>${coloured(text)}</pre></div>`;
}

/** @param {string} text */
function coloured(text) {
  const found = [];
  let done = 0;
  for (const match of text.matchAll(TOKEN)) {
    const kind = match[2] !== undefined ? 'field' : match[1] ? 'string' : 'value';
    const piece = match[1] ?? match[3];
    found.push(text.slice(done, match.index), html`<span class=${`token-${kind}`}>${piece}</span>`);
    done = match.index + piece.length;
  }
  return [...found, text.slice(done)];
}
