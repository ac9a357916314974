// The values of a field, for completion.

import { topValues } from '../api/logs.js';
import { useEffect, useState } from '../vendor/hooks.js';
import { applied, fieldList } from './search.js';

/** @typedef {import('../api/logs.js').ValueCount} ValueCount */

const WAIT_MS = 150;
const MAX_VALUES = 50;

/**
 * The values of a field in the shown range of time: immediately those that the list of fields has, then more.
 * @param {string | undefined} field
 * @returns {ValueCount[]}
 */
export function useValues(field) {
  const [found, setFound] = useState(/** @type {{ field: string, values: ValueCount[] } | undefined} */ (undefined));
  useEffect(() => {
    if (!field || !/^(level|service_name|attributes\.[^,]+)$/.test(field)) return;
    const controller = new AbortController();
    const { from, to } = applied.peek()?.filters ?? {};
    const timer = setTimeout(async () => {
      // Without them, completion has the values of the list of fields.
      const values = await topValues({ from, to }, field, MAX_VALUES, controller.signal).catch(() => undefined);
      if (values) setFound({ field, values });
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [field]);
  if (!field) return [];
  return found?.field === field ? found.values : (fieldList.value.find(({ name }) => name === field)?.values ?? []);
}
