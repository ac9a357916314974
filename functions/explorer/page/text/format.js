// Numbers and times for people.

const NUMBER = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const DAY = new Intl.DateTimeFormat('en', { month: 'short', day: '2-digit' });

/** @param {number} n */
export const count = (n) => NUMBER.format(n);

/** @param {number} n */
export const compact = (n) => COMPACT.format(n);

/** @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** @param {number} share from 0 to 1 */
export function percent(share) {
  if (share > 0 && share < 0.001) return '< 0.1%';
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`;
}

/** @param {Date} date */
const clock = (date) => [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');

/** @param {Date} date */
const isThisYear = (date) => date.getFullYear() === new Date().getFullYear();

/**
 * A local time for a row: `Nov 27 12:00:00.123`.
 * @param {string} timestamp RFC 3339
 */
export function rowTime(timestamp) {
  const date = new Date(timestamp);
  return `${shortDay(date)} ${clock(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** @param {Date} date */
function shortDay(date) {
  return isThisYear(date)
    ? DAY.format(date)
    : `${String(date.getFullYear())}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
}

/**
 * A local time with seconds, and the day if it is not today.
 * @param {string | Date} time
 */
export function shortTime(time) {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? clock(date) : `${shortDay(date)} ${clock(date)}`;
}

/**
 * A local time for an axis whose labels are some seconds apart.
 * @param {Date} date @param {number} step
 */
export function axisTime(date, step) {
  if (step >= 86_400 || (date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0)) return shortDay(date);
  return step < 60 ? clock(date) : clock(date).slice(0, 5);
}

/**
 * How long ago a time was, roughly.
 * @param {string} timestamp @param {Date} now
 */
export function ago(timestamp, now) {
  const seconds = Math.round((now.getTime() - new Date(timestamp).getTime()) / 1000);
  if (seconds < 0) return 'in the future';
  for (const [size, unit] of /** @type {[number, string][]} */ ([
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ])) {
    if (seconds >= 2 * size || (size === 1 && seconds > 0)) return `${plural(Math.floor(seconds / size), unit)} ago`;
  }
  return 'now';
}

/**
 * The value of an attribute as text: at a dotted path, whose keys may contain dots themselves.
 * @param {unknown} value @param {string} path
 * @returns {string}
 */
export function valueAt(value, path) {
  if (path === '') return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
  if (Array.isArray(value))
    return value
      .map((item) => valueAt(item, path))
      .filter(Boolean)
      .join(', ');
  if (typeof value !== 'object' || value === null) return '';
  const object = /** @type {Record<string, unknown>} */ (value);
  if (path in object) return valueAt(object[path], '');
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    const key = path.slice(0, dot);
    if (key in object) return valueAt(object[key], path.slice(dot + 1));
  }
  return '';
}

/**
 * The leaves of an entry's attributes, with their dotted paths.
 * @param {unknown} value @param {string} [path]
 * @returns {{ path: string, value: string, scalar: boolean }[]}
 */
export function leaves(value, path = '') {
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null)) {
    return value.length ? value.flatMap((item) => leaves(item, path)) : [{ path, value: '[]', scalar: false }];
  }
  if (typeof value !== 'object' || value === null)
    return [{ path, value: typeof value === 'string' ? value : String(value), scalar: value !== null }];
  const inner = Object.entries(value).flatMap(([key, item]) => leaves(item, Array.isArray(value) ? path : path ? `${path}.${key}` : key));
  return inner.length || !path ? inner : [{ path, value: Array.isArray(value) ? '[]' : '{}', scalar: false }];
}
