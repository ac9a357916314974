// What stays in this browser: light or dark, and recent queries. theme-start.js applies the colours before the first paint.

import { signal } from './signal.js';

/** @typedef {'system' | 'light' | 'dark'} Theme */

const THEME_KEY = 'logpulse.theme';
const root = document.documentElement;

/** @type {import('./signal.js').Signal<Theme>} */
export const theme = signal(/** @type {Theme} */ (root.dataset.theme ?? 'system'));

/** Counts the changes of colours, also those of the system, for what is drawn on a canvas. */
export const paint = signal(0);

export function nextTheme() {
  theme.value = theme.value === 'system' ? 'light' : theme.value === 'light' ? 'dark' : 'system';
  if (theme.value === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  store(THEME_KEY, theme.value);
  paint.value += 1;
}

export function followTheme() {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (paint.value += 1));
}

/** @param {string} key @param {string} text */
function store(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    // Without storage, the choice holds until the page is closed.
  }
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
  store(RECENT_KEY, JSON.stringify(list));
}
