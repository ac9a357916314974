// The fields of the entries, with their most common values to include or exclude.

import { toggleColumn } from '../state/actions.js';
import { fieldList } from '../state/search.js';
import { view } from '../state/view.js';
import { shortName } from '../text/complete.js';
import { compact, percent } from '../text/format.js';
import { useState } from '../vendor/hooks.js';
import { signal } from '../vendor/signals.js';
import { FieldValues } from './field-values.js';
import { classes, html } from './html.js';
import { Icon } from './icons.js';

/** Whether the list is shown where it has no room of its own. */
export const fieldsOpen = signal(false);

const OPEN_AT_FIRST = new Set(['level', 'service_name']);

export function FieldList() {
  const [filter, setFilter] = useState('');
  const shown = fieldList.value.filter(({ name }) => shortName(name).toLowerCase().includes(filter.toLowerCase()));
  return html`<aside id="fields" class=${classes('fields', fieldsOpen.value && 'open')} aria-label="Fields">
    <div class="fields-head">
      <input class="text-input" type="search" aria-label="Filter fields" placeholder="Filter fields" value=${filter} onInput=${(/** @type {any} */ event) => setFilter(event.currentTarget.value)} />
      <button type="button" class="icon-button fields-close" aria-label="Close fields" onClick=${() => (fieldsOpen.value = false)}><${Icon} name="close" /></button>
    </div>
    <ul class="field-list">${shown.map((field) => html`<${FieldItem} key=${field.name} field=${field} />`)}</ul>
    ${!shown.length && html`<p class="note pad">${filter ? 'No such field.' : 'No fields.'}</p>`}
  </aside>`;
}

/** @param {{ field: import('../api/logs.js').Field }} props */
function FieldItem({ field }) {
  const { name, share, distinct, types } = field;
  const [open, setOpen] = useState(OPEN_AT_FIRST.has(name));
  const label = shortName(name);
  const isColumn = view.value.columns.includes(name);
  return html`<li class="field">
    <div class="field-head">
      <button type="button" class="field-name" aria-expanded=${open} title=${`${label}: ${types.join(', ')}, in ${percent(share)} of the entries`} onClick=${() => setOpen(!open)}>
        <${Icon} name=${open ? 'down' : 'right'} /><span class="field-label">${label}</span><span class="field-detail">${compact(distinct)}</span>
      </button>
      <button type="button" class="icon-button small" aria-label=${`Column ${label}`} aria-pressed=${isColumn} title=${isColumn ? 'Remove column' : 'Add column'} onClick=${() => toggleColumn(name)}><${Icon} name="column" /></button>
    </div>
    ${open && html`<${FieldValues} field=${field} />`}
  </li>`;
}
