// Messages that differ only in their values, as one line each.

import * as api from '../api/logs.js';
import { addCondition, submit } from '../state/actions.js';
import { report } from '../state/failure.js';
import { applied } from '../state/search.js';
import { use } from '../state/signal.js';
import { change, view } from '../state/view.js';
import { ago, count, percent } from '../text/format.js';
import { patternsIn } from '../text/query.js';
import { useEffect, useState } from '../vendor/hooks.js';
import { html, Icon } from './elements.js';

/** @typedef {Awaited<ReturnType<typeof api.patterns>>} Found */

export function Patterns() {
  const search = use(applied);
  const [found, setFound] = useState(/** @type {Found | undefined} */ (undefined));
  const { new: onlyNew } = use(view);
  const [attempt, again] = useState({});
  useEffect(() => {
    if (!search) return;
    const controller = new AbortController();
    const { from, ...rest } = search.filters;
    const filters = onlyNew && from ? { ...rest, new_since: from } : search.filters;
    api.patterns(filters, controller.signal).then(setFound, (error) => report(error, () => controller.signal.aborted || again({})));
    return () => controller.abort();
  }, [search, onlyNew, attempt]);
  if (!found) return html`<p class="note pad" role="status">Grouping messages…</p>`;
  return html`<div class="patterns" role="region" aria-label="Patterns" tabindex="0">
    <label class="note pad"><input type="checkbox" checked=${onlyNew} disabled=${!search?.filters.from} onChange=${() => change({ new: !onlyNew }, { replace: true })} /> Only patterns that are new in this time range</label>
    ${!found.patterns.length && html`<p class="note pad">No patterns.</p>`}
    <ul>${found.patterns.map((pattern) => html`<${PatternItem} key=${pattern.q} pattern=${pattern} />`)}</ul>
    ${found.other > 0 && html`<p class="note pad">${count(found.other)} entries have none of these patterns.</p>`}
  </div>`;
}

/** @param {{ pattern: api.Pattern }} props */
function PatternItem({ pattern }) {
  const { template, q, share, first_seen, last_seen, sparkline, variables } = pattern;
  const show = () => {
    change({ tab: 'entries' }, { replace: true });
    addCondition(q);
  };
  const now = new Date();
  return html`<li class="pattern">
    <span class="pattern-count"><strong>${count(pattern.count)}</strong><span class="note">${percent(share)}</span></span>
    <${Sparkline} values=${sparkline} />
    <div class="pattern-text">
      <button class="pattern-template" aria-label=${`Show pattern ${template}`} onClick=${show} title="Show these entries">${pieces(template)}</button>
      <span class="note">first ${ago(first_seen, now)}, last ${ago(last_seen, now)}${
        variables.length
          ? `; ${variables
              .slice(0, 3)
              .map(({ placeholder, values }) => `${placeholder} ${values.slice(0, 3).join(', ')}`)
              .join('; ')}`
          : ''
      }</span>
    </div>
    <button class="icon-button small" aria-label=${`Exclude pattern ${template}`} title="Exclude these entries" onClick=${() => addCondition(`-${q}`)}><${Icon} name="minus" /></button>
  </li>`;
}

/** What the patterns in the query stand for. */
export function PatternChips() {
  const found = patternsIn(use(view).q);
  return (
    found.length > 0 &&
    html`<div class="toolbar">${found.map((condition) => html`<${PatternChip} key=${condition.test} ...${condition} />`)}</div>`
  );
}

/** @param {ReturnType<typeof patternsIn>[number]} props */
function PatternChip({ test, negative, rest }) {
  const [label, setLabel] = useState(test);
  useEffect(() => {
    // Without the template, the chip shows the condition itself.
    api.patterns({ q: test }).then(
      ({ patterns }) => setLabel(patterns[0]?.template ?? test),
      () => {},
    );
  }, [test]);
  return html`<button class="chip" title=${label} aria-label=${`Remove pattern ${label}`} onClick=${() => submit(rest)}><span>${negative && 'not '}${pieces(label)}</span><${Icon} name="close" /></button>`;
}

/** The template with its placeholders set apart. @param {string} template */
function pieces(template) {
  return template.split(/(<[a-z*-]+>)/).map((text, i) => (i % 2 ? html`<span class="placeholder">${text}</span>` : text));
}

/** @param {{ values: number[] }} props */
function Sparkline({ values }) {
  const most = Math.max(...values, 1);
  const bars = values.map((value, i) => (value ? `M${i * 3 + 1} 20v${-Math.max(1.5, (value / most) * 19)}` : '')).join('');
  return html`<svg class="sparkline" viewBox="0 0 ${values.length * 3} 20" aria-hidden="true"><path d=${bars} /></svg>`;
}
