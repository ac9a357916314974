// The entry in the panel.

import * as api from '../api/logs.js';
import { Failure, isAbort } from '../api/request.js';
import { signal } from '../vendor/signals.js';
import { report } from './failure.js';
import { rows } from './rows.js';
import { view } from './view.js';

/** @typedef {{ entry?: api.LogEntry, hits: import('../text/marks.js').TextRange[], missing?: boolean }} Opened */

/** @type {import('../vendor/signals.js').Signal<Opened | undefined>} */
export const opened = signal(undefined);

let controller = new AbortController();

/** Shows the entry that the view names: from the rows, or else from the store. */
export async function openEntry() {
  controller.abort();
  const { entry: id } = view.peek();
  if (!id) {
    opened.value = undefined;
    return;
  }
  const row = rows.peek().items.find(({ entry }) => entry.id === id);
  if (row) {
    opened.value = row;
    return;
  }
  controller = new AbortController();
  try {
    opened.value = { hits: [] };
    opened.value = { entry: await api.entry(id, controller.signal), hits: [] };
  } catch (error) {
    if (error instanceof Failure && error.kind === 'invalid') opened.value = { hits: [], missing: true };
    else if (!isAbort(error)) report(error, openEntry);
  }
}
