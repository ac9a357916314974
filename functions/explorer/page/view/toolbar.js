// What the list shows, and how: entries or patterns, order, wrapping, columns, export, link.

import { exportUrl } from '../api/logs.js';
import { link, shownFilters, toggleColumn } from '../state/actions.js';
import { applied, fieldList, newer, run, stats } from '../state/search.js';
import { use } from '../state/signal.js';
import { change, view } from '../state/view.js';
import { shortName } from '../text/complete.js';
import { copy, html, Icon, Popover } from './elements.js';
import { fieldsOpen } from './fields.js';

export function Toolbar() {
  const { tab, wrap, fuzzy } = use(view);
  return html`<div class="toolbar" role="toolbar" aria-label="List">
    <button class="button quiet fields-button" aria-label="Fields" aria-expanded=${use(fieldsOpen)} aria-controls="fields" onClick=${() => (fieldsOpen.value = !fieldsOpen.value)}><${Icon} name="filter" /><span>Fields</span></button>
    <div class="segments" role="group" aria-label="Show">
      ${/** @type {const} */ (['entries', 'patterns']).map((name) => html`<button class="segment" aria-pressed=${tab === name} onClick=${() => change({ tab: name })}>${name === 'entries' ? 'Entries' : 'Patterns'}</button>`)}
    </div>
    <${Refresh} />
    ${fuzzy && html`<button class="chip" aria-label="Stop tolerating typos" onClick=${() => change({ fuzzy: false })}>Typos tolerated <${Icon} name="close" /></button>`}
    <span class="space"></span>
    ${
      tab === 'entries' &&
      html`<${Order} />
      <button class="button quiet" aria-pressed=${wrap} aria-label="Wrap" title="Wrap long messages (w)" onClick=${() => change({ wrap: !wrap }, { replace: true })}><${Icon} name="wrap" /><span>Wrap</span></button>
      <${Columns} />`
    }
    <${Export} />
    <button class="button quiet" aria-label="Copy link" title="Copy a link that shows the same, with absolute times (y)" onClick=${() => copy(link(), 'Link copied')}><${Icon} name="link" /><span>Copy link</span></button>
  </div>`;
}

function Refresh() {
  const isNewer = use(newer) && !use(view).live;
  const label = isNewer ? 'Show newer entries' : 'Refresh';
  return html`<button class=${isNewer ? 'chip' : 'button quiet'} title=${`${label} (r)`} onClick=${run}><${Icon} name="refresh" /><span>${label}</span></button>`;
}

function Order() {
  const { sort, live } = use(view);
  return html`<select class="button quiet" aria-label="Order" disabled=${live} value=${sort} onChange=${(/** @type {any} */ event) => change({ sort: event.currentTarget.value })}>
    <option value="newest">Newest first</option><option value="oldest">Oldest first</option><option value="relevance">Most relevant first</option>
  </select>`;
}

function Columns() {
  const { columns } = use(view);
  const names = [...new Set([...columns, 'level', 'service_name', 'trace_id', ...use(fieldList).map(({ name }) => name)])];
  return html`<${Popover} label="Columns" face=${html`<${Icon} name="column" /><span>Columns</span>`} name="quiet">${() => html`<fieldset class="checks"><legend>Columns between time and message</legend>
    ${names.map((name) => html`<label key=${name}><input type="checkbox" checked=${columns.includes(name)} onChange=${() => toggleColumn(name)} /> ${shortName(name)}</label>`)}
  </fieldset>`}<//>`;
}

function Export() {
  const search = use(applied);
  use(stats);
  return html`<${Popover} label="Export" face=${html`<${Icon} name="download" /><span>Export</span>`} name="quiet">${(
    /** @type {() => void} */ close,
  ) => {
    const filters = { ...shownFilters(), sort: search?.sort === 'oldest' ? 'oldest' : 'newest' };
    return html`<p class="note">All entries that match, not only those that are loaded.</p>
      <a class="button" href=${exportUrl(filters, 'ndjson')} download onClick=${() => setTimeout(close)}>NDJSON</a>
      <a class="button" href=${exportUrl(filters, 'csv')} download onClick=${() => setTimeout(close)}>CSV</a>`;
  }}<//>`;
}
