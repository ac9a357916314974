// Keys for the whole page.

import * as api from '../api/logs.js';
import { addCondition, excludeValue, link } from '../state/actions.js';
import { report } from '../state/failure.js';
import { toggleLive } from '../state/live.js';
import { active, opened, rows } from '../state/rows.js';
import { run } from '../state/search.js';
import { change, view } from '../state/view.js';
import { copy } from './elements.js';
import { fieldsOpen } from './fields.js';
import { helpOpen } from './page.js';
import { closePanel } from './panel.js';

const PAGE_ROWS = 20;

/** @type {Record<string, () => void>} */
const KEYS = {
  '/': () => /** @type {HTMLInputElement} */ (document.getElementById('query')).select(),
  j: () => move(1),
  k: () => move(-1),
  c: showContext,
  p: () => change({ tab: view.value.tab === 'patterns' ? 'entries' : 'patterns' }),
  r: run,
  t: toggleLive,
  x: excludeLike,
  w: () => change({ wrap: !view.value.wrap }, { replace: true }),
  y: () => copy(link(), 'Link copied'),
  '?': () => (helpOpen.value = true),
  Escape: leave,
};

/** Keys for the list alone, where they mean nothing to the browser. @type {Record<string, () => void>} */
const LIST_KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(PAGE_ROWS),
  PageUp: () => move(-PAGE_ROWS),
  Home: () => move(-Infinity),
  End: () => move(Infinity),
  Enter: openActive,
};

export function listenToKeys() {
  document.addEventListener('keydown', (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || target.closest('dialog')) return;
    const writes = target.matches('input:not([type=checkbox]), select, textarea');
    const inList = view.value.tab === 'entries' && (target.id === 'grid' || target === document.body);
    const action = (inList && LIST_KEYS[event.key]) || (!writes && KEYS[event.key]);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** @param {number} step */
function move(step) {
  const { items } = rows.value;
  if (!items.length || view.value.tab !== 'entries') return;
  active.value = Math.max(0, Math.min(items.length - 1, active.value + step));
  document.getElementById('grid')?.focus({ preventScroll: true });
  if (view.value.entry) openActive();
}

const activeEntry = () => rows.value.items[active.value]?.entry;

function openActive() {
  const entry = activeEntry();
  if (entry) change({ entry: entry.id }, { replace: view.value.entry !== '' });
}

function showContext() {
  const id = view.value.entry || activeEntry()?.id;
  if (id) change({ entry: id, panel: 'context' });
}

/** Excludes entries with the pattern of the current one; without a pattern, those of its service. */
async function excludeLike() {
  const entry = opened.value?.entry ?? activeEntry();
  if (!entry) return;
  try {
    const { patterns } = await api.patterns({ q: `id:${entry.id}` });
    if (patterns[0]) addCondition(`-${patterns[0].q}`);
    else excludeValue('service_name', entry.service_name);
  } catch (error) {
    report(error, excludeLike);
  }
}

function leave() {
  if (fieldsOpen.value) fieldsOpen.value = false;
  else if (view.value.entry) closePanel();
}
