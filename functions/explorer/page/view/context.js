// The lines before and after an entry.

import * as api from '../api/logs.js';
import { showAround } from '../state/actions.js';
import { report } from '../state/failure.js';
import { run } from '../state/search.js';
import { change } from '../state/view.js';
import { shortTime } from '../text/format.js';
import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { classes, html } from './html.js';
import { levelClass } from './levels.js';

const STEP = 20;
const AROUND_SECONDS = 60;

/** @param {{ entry: api.LogEntry }} props */
export function Context({ entry }) {
  const [wanted, setWanted] = useState({ before: 10, after: 10, scope: 'service' });
  const [found, setFound] = useState(/** @type {api.Context | undefined} */ (undefined));
  const current = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const controller = new AbortController();
    api.context(entry.id, wanted, controller.signal).then(setFound, (error) => report(error, run));
    return () => controller.abort();
  }, [entry.id, wanted]);
  useEffect(() => current.current?.scrollIntoView({ block: 'center' }), [found === undefined]);
  if (!found) return html`<p class="note pad" role="status">Loading the lines around it…</p>`;
  const more = (/** @type {'before' | 'after'} */ side) => setWanted({ ...wanted, [side]: wanted[side] + STEP });
  return html`<div class="context-head">
      ${entry.trace_id && html`<select class="button" aria-label="Lines of" value=${wanted.scope} onChange=${(/** @type {any} */ event) => setWanted({ ...wanted, scope: event.currentTarget.value })}><option value="service">${entry.service_name}</option><option value="trace">the trace</option></select>`}
      <button type="button" class="button" onClick=${() => showAround(entry, AROUND_SECONDS)}>All services within a minute</button>
    </div>
    ${found.before_cursor && html`<button type="button" class="link-button pad" onClick=${() => more('before')}>Show ${STEP} lines before</button>`}
    <ol class="context" aria-label="Context">${found.data.map(
      (
        line,
        i,
      ) => html`<li key=${line.id} ref=${i === found.position ? current : undefined} class=${classes('context-line', levelClass(line.level), i === found.position && 'current')} aria-current=${i === found.position ? 'true' : undefined}>
      <button type="button" title=${line.message.slice(0, 500)} onClick=${() => change({ entry: line.id })}><time datetime=${line.timestamp}>${shortTime(line.timestamp)}</time> <span class="level-text">${line.level}</span> ${wanted.scope === 'trace' && html`<span class="service">${line.service_name}</span> `}<span class="context-message">${line.message.slice(0, 600)}</span></button>
    </li>`,
    )}</ol>
    ${found.after_cursor && html`<button type="button" class="link-button pad" onClick=${() => more('after')}>Show ${STEP} lines after</button>`}`;
}
