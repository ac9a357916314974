// The page: bar, histogram, fields, list, panel.

import { nextTheme, theme } from '../state/preferences.js';
import { rows } from '../state/rows.js';
import { signal, use } from '../state/signal.js';
import { view } from '../state/view.js';
import { useEffect, useRef } from '../vendor/hooks.js';
import { classes, html, Icon, Logo, Toast } from './elements.js';
import { FieldList } from './fields.js';
import { Histogram } from './histogram.js';
import { Empty, TroubleNotice } from './notices.js';
import { Panel } from './panel.js';
import { PatternChips, Patterns } from './patterns.js';
import { QueryBox } from './query-box.js';
import { Rows } from './rows.js';
import { LiveControls, TimePicker, WaitingRows } from './time-controls.js';
import { Toolbar } from './toolbar.js';

export function Page() {
  const { items, rebuilding, fresh } = use(rows);
  const { tab, entry } = use(view);
  return html`<${Header} />
    <${TroubleNotice} />
    ${rebuilding && html`<p class="trouble" role="status">The index is being rebuilt: entries may be missing.</p>`}
    ${
      fresh
        ? html`<main class="main"><${Empty} /></main>`
        : html`<main class=${classes('main', entry && 'with-panel')}>
      <${Histogram} />
      <${FieldList} />
      <section class="list" aria-label="Entries">
        <${Toolbar} />
        <${PatternChips} />
        ${tab === 'patterns' ? html`<${Patterns} />` : html`<${WaitingRows} />${items.length ? html`<${Rows} />` : html`<${Empty} />`}`}
      </section>
      <${Panel} />
    </main>`
    }
    <${Help} />
    <${Toast} />`;
}

const THEME_ICONS = /** @type {const} */ ({ system: 'system', light: 'sun', dark: 'moon' });

function Header() {
  const chosen = use(theme);
  return html`<header class="top">
    <h1><a class="brand" href="./" aria-label="LogPulse"><${Logo} /><span>LogPulse</span></a></h1>
    <${QueryBox} />
    <div class="top-tools">
      <${TimePicker} />
      <${LiveControls} />
      <button class="icon-button" aria-label=${`Theme: ${chosen}`} title=${`Theme: ${chosen}`} onClick=${nextTheme}><${Icon} name=${THEME_ICONS[chosen]} /></button>
      <button class="icon-button" aria-label="Help" title="Help (?)" onClick=${() => (helpOpen.value = true)}><${Icon} name="help" /></button>
      <a class="docs" href="docs">API docs</a>
    </div>
  </header>`;
}

export const helpOpen = signal(false);

const KEYS = [
  ['/', 'Go to the query'],
  ['j k', 'Next, previous entry'],
  ['Enter', 'Open the entry'],
  ['Esc', 'Leave the query, or close the panel'],
  ['c', 'Show its context'],
  ['p', 'Show patterns or entries'],
  ['r', 'Refresh'],
  ['t', 'Start or stop the live tail'],
  ['x', 'Exclude entries like it'],
  ['w', 'Wrap long messages'],
  ['y', 'Copy a link'],
  ['?', 'This help'],
];
const QUERIES = [
  ['card declined', 'Both words, anywhere in the entry'],
  ['"tion time"', 'This text anywhere in the message'],
  ['time*', 'Words that begin with time'],
  ['a OR b', 'Either'],
  ['-healthz', 'Entries without it'],
  ['level:>=warn', 'Levels by severity'],
  ['service_name:payment', 'The service'],
  ['@http.status:>=500', 'An attribute'],
  ['@user:(ann OR joe)', 'One of the values'],
  ['trace_id:*', 'Entries that have a trace id'],
];

export function Help() {
  const open = use(helpOpen);
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  if (!open) return null;
  const close = () => dialog.current?.close();
  /** @param {MouseEvent} event */
  const outside = (event) => event.target === dialog.current && close();
  return html`<dialog class="help" ref=${dialog} aria-label="Help" onClose=${() => (helpOpen.value = false)} onClick=${outside}>
    <div class="help-content">
      <h2>Help <button class="icon-button" aria-label="Close help" onClick=${close}><${Icon} name="close" /></button></h2>
      <div class="help-columns">
        <section><h3>Keys</h3><dl>${KEYS.map(([keys, text]) => html`<dt>${keys.split(' ').map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd>`)}</dl></section>
        <section><h3>Queries</h3><dl>${QUERIES.map(([query, text]) => html`<dt><code>${query}</code></dt><dd>${text}</dd>`)}</dl></section>
      </div>
      <p class="note">Text that you paste becomes a quoted fragment. Drag over the histogram to zoom in. The <a href="docs">API docs</a> describe every parameter.</p>
    </div>
  </dialog>`;
}
