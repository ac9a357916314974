// The most common values of a field.

import { topValues } from '../api/logs.js';
import { excludeValue, includeValue } from '../state/actions.js';
import { report } from '../state/failure.js';
import { applied, run } from '../state/search.js';
import { view } from '../state/view.js';
import { shortName } from '../text/complete.js';
import { compact, count } from '../text/format.js';
import { stateOf } from '../text/query.js';
import { useState } from '../vendor/hooks.js';
import { classes, html } from './html.js';
import { Icon } from './icons.js';
import { levelClass } from './levels.js';

const MORE = 50;

/** @param {{ field: import('../api/logs.js').Field }} props */
export function FieldValues({ field }) {
  const [more, setMore] = useState(
    /** @type {{ of: import('../api/logs.js').Field, values: import('../api/logs.js').ValueCount[] } | undefined} */ (undefined),
  );
  const values = more?.of === field ? more.values : field.values;
  const most = Math.max(...values.map(({ count: n }) => n), 1);
  const load = () =>
    topValues(applied.peek()?.filters ?? {}, field.name, MORE).then(
      (found) => setMore({ of: field, values: found }),
      (error) => report(error, run),
    );
  const canLoad = values === field.values && field.distinct > values.length && !field.name.includes(',');
  return html`<ul class="values" aria-label=${`Values of ${shortName(field.name)}`}>
    ${values.map((value) => html`<${Value} key=${value.value} name=${field.name} value=${value.value} n=${value.count} about=${values === field.values && field.approximate} share=${value.count / most} />`)}
    ${canLoad && html`<li><button type="button" class="link-button" onClick=${load}>More values</button></li>`}
  </ul>`;
}

/** @param {{ name: string, value: string, n: number, about?: boolean, share: number }} props `about`: whether the number is an estimate */
function Value({ name, value, n, about, share }) {
  const state = stateOf(view.value.q, name, value);
  const label = `${shortName(name)} ${value}`;
  return html`<li class=${classes('value', state)}>
    <button type="button" class="value-name" aria-pressed=${state === 'included'} aria-label=${`Include ${label}, ${count(n)}`} title=${`${value}: ${count(n)}. Click to include.`} onClick=${() => includeValue(name, value)}>
      <span class="value-bar" style=${{ width: `${Math.max(share * 100, 1)}%` }}></span>
      <span class=${classes('value-text', name === 'level' && levelClass(value))}>${value || '(empty)'}</span><span class="value-count">${about && '~'}${compact(n)}</span>
    </button>
    <button type="button" class="icon-button small" aria-pressed=${state === 'excluded'} aria-label=${`Exclude ${label}`} title="Exclude" onClick=${() => excludeValue(name, value)}><${Icon} name="minus" /></button>
  </li>`;
}
