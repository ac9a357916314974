// The explorer: connects the view in the URL to searches, and draws the page.

import { follows } from './state/live.js';
import { followTheme } from './state/preferences.js';
import { openEntry } from './state/rows.js';
import { lookForNewer, run, searchKey } from './state/search.js';
import { followHistory, view } from './state/view.js';
import { render } from './vendor/preact.js';
import { html } from './view/elements.js';
import { listenToKeys } from './view/keyboard.js';
import { Page } from './view/page.js';

const NEWER_MS = 10_000;

/** Does something now, and whenever a part of the view changes. @param {(view: import('./state/view.js').View) => string} part @param {() => void} action */
function whenever(part, action) {
  let last = part(view.value);
  view.listen(() => {
    const next = part(view.value);
    if (next !== last) action();
    last = next;
  });
  action();
}

followHistory();
followTheme();
whenever(({ live, q, fuzzy }) => JSON.stringify([live, q, fuzzy]), follows);
whenever(searchKey, run);
whenever(({ entry }) => entry, openEntry);
whenever(
  ({ q }) => q,
  () => {
    document.title = view.value.q ? `${view.value.q} · LogPulse` : 'LogPulse';
  },
);
listenToKeys();
setInterval(lookForNewer, NEWER_MS);

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
root.replaceChildren();
render(html`<${Page} />`, root);
