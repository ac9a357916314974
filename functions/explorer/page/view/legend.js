// The levels with their counts. A click includes a level, a click with Alt or Shift excludes it.

import { excludeValue, includeValue } from '../state/actions.js';
import { stats } from '../state/search.js';
import { view } from '../state/view.js';
import { compact, count } from '../text/format.js';
import { stateOf } from '../text/query.js';
import { html } from './html.js';
import { levelClass, levelCounts } from './levels.js';

export function Legend() {
  const found = stats.value;
  if (!found) return null;
  return html`<div class="legend" role="group" aria-label="Levels">${levelCounts(found)
    .filter(({ total }) => total > 0)
    .map(({ level, total }) => {
      if (level === 'other')
        return html`<span class="legend-item"><span class=${`swatch bar ${levelClass(level)}`}></span>other ${compact(total)}</span>`;
      const state = stateOf(view.value.q, 'level', level);
      /** @param {MouseEvent} event */
      const click = (event) => (event.altKey || event.shiftKey ? excludeValue : includeValue)('level', level);
      return html`<button type="button" key=${level} class="legend-item" aria-pressed=${state === 'included'} title=${`${count(total)} ${level}. Click to include, Shift-click to exclude.`} onClick=${click}>
      <span class=${`swatch bar ${levelClass(level)}`}></span>${level} <span class="legend-count">${compact(total)}</span></button>`;
    })}</div>`;
}
