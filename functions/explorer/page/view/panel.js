// One entry with all it has.

import { link, showTrace } from '../state/actions.js';
import { opened } from '../state/entry.js';
import { change, view } from '../state/view.js';
import { ago } from '../text/format.js';
import { useEffect, useRef } from '../vendor/hooks.js';
import { Attributes } from './attributes.js';
import { Context } from './context.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { Json } from './json.js';
import { levelClass } from './levels.js';
import { Message } from './row.js';
import { copy } from './toast.js';

/** @typedef {import('../api/logs.js').LogEntry} LogEntry */

const MAX_CHARACTERS = 50_000;
const TABS = /** @type {const} */ ({ fields: 'Fields', json: 'JSON', context: 'Context' });

export function closePanel() {
  change({ entry: '', panel: 'fields' });
  document.getElementById('grid')?.focus();
}

export function Panel() {
  const shown = opened.value;
  if (!shown) return null;
  return html`<aside class="panel" aria-label="Log entry">
    <div class="panel-head">
      <h2>${shown.entry ? html`<span class=${`badge ${levelClass(shown.entry.level)}`}>${shown.entry.level}</span> <span class="panel-service">${shown.entry.service_name}</span>` : 'Log entry'}</h2>
      <button type="button" class="icon-button" aria-label="Close panel" title="Close (Esc)" onClick=${closePanel}><${Icon} name="close" /></button>
    </div>
    ${shown.missing && html`<p class="note pad">This entry does not exist, or is not stored yet.</p>`}
    ${!shown.entry && !shown.missing && html`<p class="note pad" role="status">Loading…</p>`}
    ${shown.entry && html`<${Details} entry=${shown.entry} hits=${shown.hits} />`}
  </aside>`;
}

/** @param {{ entry: LogEntry, hits: import('../text/marks.js').TextRange[] }} props */
function Details({ entry, hits }) {
  const { panel } = view.value;
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => body.current?.scrollTo(0, 0), [entry.id]);
  return html`<p class="panel-time"><time datetime=${entry.timestamp}>${new Date(entry.timestamp).toLocaleString('sv')}.${entry.timestamp.slice(20, 26).padEnd(6, '0').replace(/\D/g, '0')}</time> <span class="note">${ago(entry.timestamp, new Date())}</span></p>
    <div class="panel-actions">
      <button type="button" class="button" onClick=${() => copy(entry.message, 'Message copied')}><${Icon} name="copy" />Copy message</button>
      <button type="button" class="button" onClick=${() => copy(link(entry.id), 'Link copied')}><${Icon} name="link" />Copy link to entry</button>
      <button type="button" class="button" title="Lines before and after (c)" onClick=${() => change({ panel: 'context' })}><${Icon} name="context" />Show context</button>
      ${entry.trace_id && html`<button type="button" class="button" onClick=${() => showTrace(entry.trace_id ?? '')}><${Icon} name="trace" />Show trace</button>`}
    </div>
    <div class="segments" role="group" aria-label="Panel">
      ${Object.entries(TABS).map(([name, label]) => html`<button type="button" class="segment" aria-pressed=${panel === name} onClick=${() => change({ panel: /** @type {keyof typeof TABS} */ (name) }, { replace: true })}>${label}</button>`)}
    </div>
    <div class="panel-body" ref=${body} tabindex="0" role="region" aria-label=${TABS[panel]}>
      ${panel !== 'context' && html`<pre class="panel-message"><${Message} text=${entry.message} hits=${hits} limit=${MAX_CHARACTERS} /></pre>`}
      ${panel === 'fields' && html`<${Attributes} entry=${entry} />`}
      ${panel === 'json' && html`<${Json} value=${entry} />`}
      ${panel === 'context' && html`<${Context} key=${entry.id} entry=${entry} />`}
    </div>`;
}
