// The view that the URL describes, and its history.

import { consistent, formatAddress, parseAddress } from './address.js';
import { signal } from './signal.js';

/** @typedef {import('./address.js').View} View */

/** @type {import('./signal.js').Signal<View>} */
export const view = signal(parseAddress(location.search));

/**
 * Changes the view. A step that people want to go back from gets an entry in the history.
 * @param {Partial<View>} patch @param {{ replace?: boolean }} [options]
 */
export function change(patch, { replace = false } = {}) {
  const next = consistent({ ...view.value, ...patch });
  const address = formatAddress(next);
  if (address === formatAddress(view.value)) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  view.value = next;
}

export function followHistory() {
  addEventListener('popstate', () => {
    view.value = parseAddress(location.search);
  });
}
