// Values that views follow.

import { useLayoutEffect, useReducer } from '../vendor/hooks.js';

/**
 * A value that calls its listeners when it changes.
 * @template T
 */
export class Signal {
  /** @type {Set<() => void>} */
  #listeners = new Set();
  #value;

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    if (value === this.#value) return;
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  /** @param {() => void} listener @returns {() => void} ends it */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** @template T @param {T} value @returns {Signal<T>} */
export const signal = (value) => new Signal(value);

/** The value of a signal in a component, which draws itself again when it changes. @template T @param {Signal<T>} followed @returns {T} */
export function use(followed) {
  const [, render] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const { value } = followed;
  useLayoutEffect(() => {
    // The value may have changed between drawing and this moment.
    if (followed.value !== value) render(0);
    return followed.listen(() => render(0));
  }, [followed]);
  return value;
}
