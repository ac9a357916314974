// The explorer: connects the view in the URL to searches, and draws the page.

import { follows } from './state/live.js';
import { followTheme } from './state/preferences.js';
import { openEntry } from './state/rows.js';
import { run, searchKey } from './state/search.js';
import { followHistory, view } from './state/view.js';
import { render } from './vendor/preact.js';
import { computed, effect } from './vendor/signals.js';
import { html } from './view/elements.js';
import { listenToKeys } from './view/keyboard.js';
import { Page } from './view/page.js';

/** Does something now, and whenever a part of the view changes. @param {() => unknown} part @param {() => void} action */
function whenever(part, action) {
  const key = computed(part);
  effect(() => {
    key.value;
    queueMicrotask(action);
  });
}

followHistory();
followTheme();
whenever(() => JSON.stringify([view.value.live, view.value.q, view.value.fuzzy]), follows);
whenever(() => searchKey(view.value), run);
whenever(() => view.value.entry, openEntry);
listenToKeys();

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
root.replaceChildren();
render(html`<${Page} />`, root);
