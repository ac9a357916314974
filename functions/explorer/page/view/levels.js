// Levels and their colours.

import { classes } from './html.js';

/** @typedef {import('../api/logs.js').Stats} Stats */

/** From the most severe, which a histogram draws at the bottom, where it stays visible. */
const LEVELS = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'];

/** @param {string} level */
export const levelClass = (level) => classes('level', LEVELS.includes(level) ? `level-${level.toLowerCase()}` : 'level-other');

/**
 * The levels of a histogram, the most severe first, with what has another level or none at the end.
 * @param {Stats} stats
 * @returns {{ level: string, total: number, values: (number | null)[] }[]}
 */
export function levelCounts({ series, other }) {
  const named = series.map(({ by, values, total }) => ({ level: by?.level ?? '', values, total: total ?? 0 }));
  const rank = (/** @type {string} */ level) => (LEVELS.includes(level) ? LEVELS.indexOf(level) : LEVELS.length);
  named.sort((a, b) => rank(a.level) - rank(b.level));
  if (other?.total) named.push({ level: 'other', values: other.values, total: other.total });
  return named;
}

/** The colour of a level's bars as the style sheet computes it, for a canvas. @param {string} level @param {HTMLElement} parent */
export function barColour(level, parent) {
  return computed(`bar ${levelClass(level)}`, parent);
}

/** @param {string} name a class @param {HTMLElement} parent */
export function computed(name, parent) {
  const probe = document.createElement('span');
  probe.className = name;
  parent.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
