// The fields of one entry, each as a filter.

import { excludeValue, includeValue, toggleColumn } from '../state/actions.js';
import { view } from '../state/view.js';
import { shortName } from '../text/complete.js';
import { leaves } from '../text/format.js';
import { stateOf } from '../text/query.js';
import { classes, html } from './html.js';
import { Icon } from './icons.js';

/** @param {{ entry: import('../api/logs.js').LogEntry }} props */
export function Attributes({ entry }) {
  const own = /** @type {const} */ (['level', 'service_name', 'trace_id', 'span_id', 'id']).flatMap((name) =>
    entry[name] ? [{ name: /** @type {string} */ (name), value: entry[name], scalar: true }] : [],
  );
  const attributes = entry.attributes
    ? leaves(entry.attributes).map(({ path, value, scalar }) => ({ name: `attributes.${path}`, value, scalar }))
    : [];
  return html`<table class="attributes"><caption class="offscreen">Fields of the entry</caption>
    <thead class="offscreen"><tr><th scope="col">Field</th><th scope="col">Value</th><th scope="col">Actions</th></tr></thead>
    <tbody>${[...own, ...attributes].map((field, i) => html`<${Attribute} key=${`${field.name} ${i}`} ...${field} />`)}</tbody>
  </table>`;
}

/** @param {{ name: string, value: string, scalar: boolean }} props */
function Attribute({ name, value, scalar }) {
  const label = shortName(name);
  const state = scalar ? stateOf(view.value.q, name, value) : undefined;
  const isColumn = view.value.columns.includes(name);
  return html`<tr class=${classes('attribute', state)}>
    <th scope="row">${label}</th>
    <td class="attribute-value">${value}</td>
    <td class="attribute-actions">${
      scalar &&
      html`
      <button type="button" class="icon-button small" aria-label=${`Include ${label} ${value}`} title="Include" aria-pressed=${state === 'included'} onClick=${() => includeValue(name, value)}><${Icon} name="plus" /></button>
      <button type="button" class="icon-button small" aria-label=${`Exclude ${label} ${value}`} title="Exclude" aria-pressed=${state === 'excluded'} onClick=${() => excludeValue(name, value)}><${Icon} name="minus" /></button>
      ${name !== 'id' && html`<button type="button" class="icon-button small" aria-label=${`Column ${label}`} title=${isColumn ? 'Remove column' : 'Add column'} aria-pressed=${isColumn} onClick=${() => toggleColumn(name)}><${Icon} name="column" /></button>`}`
    }
    </td>
  </tr>`;
}
