// One entry with all it has: fields, JSON, and the lines around it.

import * as api from '../api/logs.js';
import { link, showAround, showTrace } from '../state/actions.js';
import { report } from '../state/failure.js';
import { opened } from '../state/rows.js';
import { use } from '../state/signal.js';
import { change, view } from '../state/view.js';
import { ago, exactNumbers, rowTime, zone } from '../text/format.js';
import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/hooks.js';
import { classes, copy, html, Icon, levelClass } from './elements.js';
import { Attributes } from './fields.js';
import { Message } from './rows.js';

/** @typedef {import('../api/logs.js').LogEntry} LogEntry */

const MAX_CHARACTERS = 50_000;
const TABS = /** @type {const} */ ({ fields: 'Fields', json: 'JSON', context: 'Context' });

export function closePanel() {
  change({ entry: '', panel: 'fields' });
  document.getElementById('grid')?.focus();
}

export function Panel() {
  const shown = use(opened);
  return html`<p class="offscreen" role="status">${shown?.entry && `Opened: ${shown.entry.level} ${shown.entry.service_name}`}</p>
  ${shown && html`<${Aside} shown=${shown} />`}`;
}

/** @param {{ shown: import('../state/rows.js').Opened }} props */
function Aside({ shown }) {
  return html`<aside class="panel" aria-label="Log entry">
    <div class="panel-head">
      <h2>${shown.entry ? html`<span class=${`badge ${levelClass(shown.entry.level)}`}>${shown.entry.level}</span> <span class="panel-service">${shown.entry.service_name}</span>` : 'Log entry'}</h2>
      <button class="icon-button" aria-label="Close panel" title="Close (Esc)" onClick=${closePanel}><${Icon} name="close" /></button>
    </div>
    ${shown.missing && html`<p class="note pad">This entry does not exist, or is not stored yet.</p>`}
    ${!shown.entry && !shown.missing && html`<p class="note pad" role="status">Loading…</p>`}
    ${shown.entry && html`<${Details} entry=${shown.entry} hits=${shown.hits} matched=${shown.matched} />`}
  </aside>`;
}

/** @param {import('../state/rows.js').Row} props */
function Details({ entry, hits, matched }) {
  const { panel } = use(view);
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => body.current?.scrollTo(0, 0), [entry.id]);
  return html`<p class="panel-time"><time datetime=${entry.timestamp}>${new Date(entry.timestamp).toLocaleString('sv')}.${entry.timestamp.slice(20, 26).padEnd(6, '0').replace(/\D/g, '0')} ${zone(entry.timestamp)}</time> <span class="note">${ago(entry.timestamp, new Date())}</span></p>
    <div class="panel-actions">
      <button class="button" onClick=${() => copy(entry.message, 'Message copied')}><${Icon} name="copy" />Copy message</button>
      <button class="button" onClick=${() => copy(link(entry.id), 'Link copied')}><${Icon} name="link" />Copy link to entry</button>
      <button class="button" title="Lines before and after (c)" onClick=${() => change({ panel: 'context' })}><${Icon} name="context" />Show context</button>
      ${entry.trace_id && html`<button class="button" onClick=${() => showTrace(entry.trace_id ?? '')}><${Icon} name="trace" />Show trace</button>`}
    </div>
    <div class="segments" role="group" aria-label="Panel">
      ${Object.entries(TABS).map(([name, label]) => html`<button class="segment" aria-pressed=${panel === name} onClick=${() => change({ panel: /** @type {keyof typeof TABS} */ (name) }, { replace: true })}>${label}</button>`)}
    </div>
    <div class="panel-body" ref=${body} tabindex="0" role="region" aria-label=${TABS[panel]}>
      ${panel !== 'context' && html`<pre class="panel-message"><${Message} text=${entry.message} hits=${hits} limit=${MAX_CHARACTERS} /></pre>`}
      ${panel === 'fields' && html`<${Attributes} entry=${entry} matched=${matched} />`}
      ${panel === 'json' && html`<${Json} value=${entry} />`}
      ${panel === 'context' && html`<${Context} key=${entry.id} entry=${entry} />`}
    </div>`;
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)/g;

/** @param {{ value: unknown }} props */
function Json({ value }) {
  const text = JSON.stringify(value, exactNumbers, 2);
  return html`<div class="json"><button class="button" onClick=${() => copy(text, 'JSON copied')}><${Icon} name="copy" />Copy JSON</button>
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

const STEP = 20;
const AROUND_SECONDS = 60;

/** @param {{ entry: api.LogEntry }} props */
export function Context({ entry }) {
  const [wanted, setWanted] = useState({ before: 10, after: 10, scope: 'service' });
  const [found, setFound] = useState(/** @type {api.Context | undefined} */ (undefined));
  const current = useRef(/** @type {HTMLElement | null} */ (null));
  const place = useRef(/** @type {number | undefined} */ (undefined));
  useLayoutEffect(() => {
    // Lines that are added above push away those that are being read.
    if (current.current && place.current !== undefined)
      current.current.closest('.panel-body')?.scrollBy(0, current.current.getBoundingClientRect().top - place.current);
  }, [found]);
  useEffect(() => {
    const controller = new AbortController();
    api.context(entry.id, wanted, controller.signal).then(
      (next) => {
        place.current = current.current?.getBoundingClientRect().top;
        setFound(next);
      },
      (error) => report(error, () => controller.signal.aborted || setWanted({ ...wanted })),
    );
    return () => controller.abort();
  }, [entry.id, wanted]);
  useEffect(() => current.current?.scrollIntoView({ block: 'center' }), [found === undefined]);
  if (!found) return html`<p class="note pad" role="status">Loading the lines around it…</p>`;
  const more = (/** @type {'before' | 'after'} */ side) => setWanted({ ...wanted, [side]: wanted[side] + STEP });
  return html`<div class="context-head">
      ${entry.trace_id && html`<select class="button" aria-label="Lines of" value=${wanted.scope} onChange=${(/** @type {any} */ event) => setWanted({ ...wanted, scope: event.currentTarget.value })}><option value="service">${entry.service_name}</option><option value="trace">the trace</option></select>`}
      <button class="button" onClick=${() => showAround(entry, AROUND_SECONDS)}>All services within a minute</button>
    </div>
    ${found.before_cursor && html`<button class="link-button pad" onClick=${() => more('before')}>Show ${STEP} lines before</button>`}
    <ol class="context" aria-label="Context">${found.data.map(
      (
        line,
        i,
      ) => html`<li key=${line.id} ref=${i === found.position ? current : undefined} class=${classes('context-line', levelClass(line.level), i === found.position && 'current')} aria-current=${i === found.position ? 'true' : undefined}>
      <button title=${line.message.slice(0, 500)} onClick=${() => change({ entry: line.id })}><time datetime=${line.timestamp}>${rowTime(line.timestamp)}</time> <span class="level-text">${line.level}</span> ${wanted.scope === 'trace' && html`<span class="service">${line.service_name}</span> `}<span class="context-message">${line.message.slice(0, 600)}</span></button>
    </li>`,
    )}</ol>
    ${found.after_cursor && html`<button class="link-button pad" onClick=${() => more('after')}>Show ${STEP} lines after</button>`}`;
}
