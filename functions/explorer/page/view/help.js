// Help: the keys, and the query language in short.

import { useEffect, useRef } from '../vendor/hooks.js';
import { signal } from '../vendor/signals.js';
import { html } from './html.js';
import { Icon } from './icons.js';

export const helpOpen = signal(false);

const KEYS = [
  ['/', 'go to the query'],
  ['j k', 'next, previous entry'],
  ['Enter', 'open the entry'],
  ['Esc', 'close the panel'],
  ['c', 'show its context'],
  ['t', 'start or stop the live tail'],
  ['x', 'exclude entries like it'],
  ['w', 'wrap long messages'],
  ['?', 'this help'],
];
const QUERIES = [
  ['card declined', 'both words, anywhere in the entry'],
  ['"tion time"', 'this text anywhere in the message'],
  ['time*', 'words that begin with time'],
  ['a OR b', 'either'],
  ['-healthz', 'entries without it'],
  ['level:>=warn', 'levels by severity'],
  ['service_name:payment', 'the service'],
  ['@http.status:>=500', 'an attribute'],
  ['@user:(ann OR joe)', 'one of the values'],
  ['trace_id:*', 'entries that have a trace id'],
];

export function Help() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    if (helpOpen.value) dialog.current?.showModal();
  }, [helpOpen.value]);
  if (!helpOpen.value) return null;
  const close = () => dialog.current?.close();
  /** @param {MouseEvent} event */
  const outside = (event) => event.target === dialog.current && close();
  return html`<dialog class="help" ref=${dialog} aria-label="Help" onClose=${() => (helpOpen.value = false)} onClick=${outside}>
    <div class="help-content">
      <h2>Help <button type="button" class="icon-button" aria-label="Close help" onClick=${close}><${Icon} name="close" /></button></h2>
      <div class="help-columns">
        <section><h3>Keys</h3><dl>${KEYS.map(([keys, text]) => html`<dt>${keys.split(' ').map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd>`)}</dl></section>
        <section><h3>Queries</h3><dl>${QUERIES.map(([query, text]) => html`<dt><code>${query}</code></dt><dd>${text}</dd>`)}</dl></section>
      </div>
      <p class="note">Text that you paste becomes a quoted fragment. Drag over the histogram to zoom in. The <a href="docs">API docs</a> describe every parameter.</p>
    </div>
  </dialog>`;
}
