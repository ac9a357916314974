// Light or dark: as the system, or as chosen. theme-start.js applies the choice before the first paint.

import { effect, signal } from '../vendor/signals.js';

/** @typedef {'system' | 'light' | 'dark'} Theme */

const THEME_KEY = 'logpulse.theme';
const root = document.documentElement;

/** @type {import('../vendor/signals.js').Signal<Theme>} */
export const theme = signal(/** @type {Theme} */ (root.dataset.theme ?? 'system'));

/** Counts the changes of colours, also those of the system, for what is drawn on a canvas. */
export const paint = signal(0);

export function nextTheme() {
  theme.value = theme.value === 'system' ? 'light' : theme.value === 'light' ? 'dark' : 'system';
}

export function followTheme() {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (paint.value += 1));
  effect(() => {
    if (theme.value === 'system') delete root.dataset.theme;
    else root.dataset.theme = theme.value;
    try {
      localStorage.setItem(THEME_KEY, theme.value);
    } catch {
      // Without storage, the choice holds until the page is closed.
    }
    paint.value = paint.peek() + 1;
  });
}

const RECENT_KEY = 'logpulse.recent';
const MAX = 20;

/** @returns {string[]} the newest first */
export function recentQueries() {
  try {
    const stored = JSON.parse(localStorage.getItem(RECENT_KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

/** @param {string} query */
export function remember(query) {
  const text = query.trim();
  if (!text) return;
  const list = [text, ...recentQueries().filter((item) => item !== text)].slice(0, MAX);
  try {
    localStorage.setItem(RECENT_KEY, JSON.stringify(list));
  } catch {
    // Without storage, queries are not remembered.
  }
}
