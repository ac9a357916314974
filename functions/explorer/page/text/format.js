// Numbers and times for people.

// Intl would take 20 ms to load.
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const POWERS = /** @type {[number, string][]} */ ([
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
]);

/** @param {number} n */
export const count = (n) => String(n).replace(/\B(?=(?:\d{3})+$)/g, ',');

/** @param {number} n */
export function compact(n) {
  const [size, unit] = POWERS.find(([power]) => n >= power) ?? [1, ''];
  return `${Number((n / size).toFixed(n / size < 100 ? 1 : 0))}${unit}`;
}

/** @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** @param {number} share from 0 to 1 */
export function percent(share) {
  if (share > 0 && share < 0.001) return '< 0.1%';
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`;
}

/** @param {Date} date */
const clock = (date) => [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');

/**
 * A local time for a row: `Nov 27 12:00:00.123`.
 * @param {string} timestamp RFC 3339
 */
export function rowTime(timestamp) {
  const date = new Date(timestamp);
  return `${shortDay(date)} ${clock(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** The zone of a local time: `UTC+1`. @param {string} timestamp RFC 3339 */
export function zone(timestamp) {
  return new Date(timestamp).toLocaleTimeString('en', { timeZoneName: 'shortOffset' }).replace(/.*GMT(\+0$)?/, 'UTC');
}

/** @param {number} n */
const two = (n) => String(n).padStart(2, '0');

/** A local day: `Nov 27`, or `2025-11-27` in another year. @param {Date} date */
function shortDay(date) {
  const year = date.getFullYear();
  if (year === new Date().getFullYear()) return `${MONTHS[date.getMonth()]} ${two(date.getDate())}`;
  return `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
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
    if (seconds >= (size > 60 ? 2 * size : size)) return `${plural(Math.floor(seconds / size), unit)} ago`;
  }
  return 'now';
}

/**
 * The value of an attribute as text: at a dotted path, whose keys may contain dots themselves.
 * @param {unknown} value @param {string} path
 * @returns {string}
 */
export function valueAt(value, path) {
  if (path === '') return typeof value === 'object' ? JSON.stringify(value, exactNumbers) : String(value ?? '');
  if (Array.isArray(value))
    return value
      .map((item) => valueAt(item, path))
      .filter(Boolean)
      .join(', ');
  if (typeof value !== 'object' || value === null) return '';
  const object = /** @type {Record<string, unknown>} */ (value);
  if (Object.hasOwn(object, path)) return valueAt(object[path], '');
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    const key = path.slice(0, dot);
    if (Object.hasOwn(object, key)) return valueAt(object[key], path.slice(dot + 1));
  }
  return '';
}

/** Writes a BigInt as a number, where the browser can. @param {string} _ @param {unknown} value */
export function exactNumbers(_, value) {
  const { rawJSON = String } = /** @type {{ rawJSON?: (text: string) => unknown }} */ (JSON);
  return typeof value === 'bigint' ? rawJSON(String(value)) : value;
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
