// Recent queries. They stay in this browser.

const KEY = 'logpulse.recent';
const MAX = 20;

/** @returns {string[]} the newest first */
export function recentQueries() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '[]');
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
    localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Without storage, queries are not remembered.
  }
}
