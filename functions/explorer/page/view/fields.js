// The fields of the entries, with their most common values to include or exclude.

import { topValues } from '../api/logs.js';
import { excludeValue, includeValue, toggleColumn } from '../state/actions.js';
import { report } from '../state/failure.js';
import { applied, fieldList } from '../state/search.js';
import { signal, use } from '../state/signal.js';
import { view } from '../state/view.js';
import { shortName } from '../text/complete.js';
import { compact, count, leaves, percent } from '../text/format.js';
import { stateOf, withAny } from '../text/query.js';
import { useRef, useState } from '../vendor/hooks.js';
import { classes, html, Icon, levelClass, marked } from './elements.js';

/** Whether the list is shown where it has no room of its own. */
export const fieldsOpen = signal(false);

const OPEN_AT_FIRST = new Set(['level', 'service_name']);

export function FieldList() {
  const [filter, setFilter] = useState('');
  const shown = use(fieldList).filter(({ name }) => shortName(name).toLowerCase().includes(filter.toLowerCase()));
  return html`<aside id="fields" class=${classes('fields', use(fieldsOpen) && 'open')} aria-label="Fields">
    <div class="fields-head">
      <input class="text-input" type="search" aria-label="Filter fields" placeholder="Filter fields" value=${filter} onInput=${(/** @type {any} */ event) => setFilter(event.currentTarget.value)} />
      <button class="icon-button fields-close" aria-label="Close fields" onClick=${() => (fieldsOpen.value = false)}><${Icon} name="close" /></button>
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
  const isColumn = use(view).columns.includes(name);
  return html`<li class="field">
    <div class="field-head">
      <button class="field-name" aria-expanded=${open} title=${`${label}: ${types.join(', ')}, in ${percent(share)} of the entries`} onClick=${() => setOpen(!open)}>
        <${Icon} name=${open ? 'down' : 'right'} /><span class="field-label">${label}</span><span class="field-detail">${compact(distinct)}</span>
      </button>
      <button class="icon-button small" aria-label=${`Column ${label}`} aria-pressed=${isColumn} title=${isColumn ? 'Remove column' : 'Add column'} onClick=${() => toggleColumn(name)}><${Icon} name="column" /></button>
    </div>
    ${open && html`<${FieldValues} field=${field} />`}
  </li>`;
}

const MORE = 50;

/** @param {{ field: import('../api/logs.js').Field }} props */
function FieldValues({ field }) {
  const [more, setMore] = useState(
    /** @type {{ of: import('../api/logs.js').Field, values: import('../api/logs.js').ValueCount[] } | undefined} */ (undefined),
  );
  const values = more?.of === field ? more.values : field.values;
  const most = Math.max(...values.map(({ count: n }) => n), 1);
  // The values of the field that the query leaves out are offered, too.
  const { q, time } = use(view);
  const any = withAny(q, field.name);
  const wider = `${any ?? q.trim()} ${time}`;
  // How many values the field has where the query does not limit them: unknown unless that was searched for before.
  const all = useRef({ wider: '', distinct: 0 });
  if (any === undefined || all.current.wider !== wider) all.current = { wider, distinct: any === undefined ? field.distinct : Infinity };
  const load = () =>
    topValues({ ...applied.value?.filters, q: any ?? applied.value?.filters.q }, field.name, MORE).then(
      (found) => setMore({ of: field, values: found }),
      (error) => report(error, load),
    );
  const canLoad = values === field.values && all.current.distinct > values.length && !field.name.includes(',');
  return html`<ul class="values" aria-label=${`Values of ${shortName(field.name)}`}>
    ${values.map((value) => html`<${Value} key=${value.value} name=${field.name} value=${value.value} n=${value.count} about=${values === field.values && field.approximate} share=${value.count / most} />`)}
    ${canLoad && html`<li><button class="link-button" onClick=${load}>More values</button></li>`}
  </ul>`;
}

/** @param {{ name: string, value: string, n: number, about?: boolean, share: number }} props `about`: whether the number is an estimate */
function Value({ name, value, n, about, share }) {
  const state = stateOf(use(view).q, name, value);
  const label = `${shortName(name)} ${value}`;
  return html`<li class=${classes('value', state)}>
    <button class="value-name" aria-pressed=${state === 'included'} aria-label=${`Include ${label}, ${count(n)}`} title=${`${value}: ${count(n)}. Click to include.`} onClick=${() => includeValue(name, value)}>
      <span class="value-bar" style=${{ width: `${Math.max(share * 100, 1)}%` }}></span>
      <span class=${classes('value-text', name === 'level' && levelClass(value))}>${value || '(empty)'}</span><span class="value-count">${about && '~'}${compact(n)}</span>
    </button>
    <button class="icon-button small" aria-pressed=${state === 'excluded'} aria-label=${`Exclude ${label}`} title="Exclude" onClick=${() => excludeValue(name, value)}><${Icon} name="minus" /></button>
  </li>`;
}

/** @param {{ entry: import('../api/logs.js').LogEntry, matched?: string[] }} props */
export function Attributes({ entry, matched = [] }) {
  const own = /** @type {const} */ (['level', 'service_name', 'trace_id', 'span_id', 'id']).flatMap((name) =>
    entry[name] ? [{ name: /** @type {string} */ (name), value: entry[name], scalar: true }] : [],
  );
  const attributes = entry.attributes
    ? leaves(entry.attributes).map(({ path, value, scalar }) => ({
        name: `attributes.${path}`,
        value,
        scalar,
        hit: matched.includes(path),
      }))
    : [];
  return html`<table class="attributes"><caption class="offscreen">Fields of the entry</caption>
    <thead class="offscreen"><tr><th scope="col">Field</th><th scope="col">Value</th><th scope="col">Actions</th></tr></thead>
    <tbody>${[...own, ...attributes].map((field, i) => html`<${Attribute} key=${`${field.name} ${i}`} ...${field} />`)}</tbody>
  </table>`;
}

/** @param {{ name: string, value: string, scalar: boolean, hit?: boolean }} props */
function Attribute({ name, value, scalar, hit }) {
  const label = shortName(name);
  const { q, columns } = use(view);
  const state = scalar ? stateOf(q, name, value) : undefined;
  const isColumn = columns.includes(name);
  return html`<tr class=${classes('attribute', state)}>
    <th scope="row">${label}</th>
    <td class="attribute-value">${marked(value, hit)}</td>
    <td class="attribute-actions">${
      scalar &&
      html`
      <button class="icon-button small" aria-label=${`Include ${label} ${value}`} title="Include" aria-pressed=${state === 'included'} onClick=${() => includeValue(name, value)}><${Icon} name="plus" /></button>
      <button class="icon-button small" aria-label=${`Exclude ${label} ${value}`} title="Exclude" aria-pressed=${state === 'excluded'} onClick=${() => excludeValue(name, value)}><${Icon} name="minus" /></button>
      ${name !== 'id' && html`<button class="icon-button small" aria-label=${`Column ${label}`} title=${isColumn ? 'Remove column' : 'Add column'} aria-pressed=${isColumn} onClick=${() => toggleColumn(name)}><${Icon} name="column" /></button>`}`
    }
    </td>
  </tr>`;
}
