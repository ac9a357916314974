// Ranges of time as people type them: `15m`, `yesterday`, `2026-11-25 14:00..15:00`. Times without a zone are local.

/**
 * @typedef {object} TimeRange
 * @property {Date} [from] inclusive
 * @property {Date} [to] exclusive; absent if the range is open
 * @property {boolean} moving whether the range ends now
 * @property {string} text the shortest text that means this range
 * @property {string} label the range in words
 */

const MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const UNITS = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };
const DURATION = /^(?:last\s+)?-?(\d{1,6})\s*(s|m|h|d|w)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?|ays?|eeks?)?$/i;
const POINT = /^(?:(\d{4})-(\d\d)-(\d\d))?[T ]?(?:(\d\d?):(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?(Z|[+-](?:0\d|1[0-4]):?\d\d)?$/i;
/** The first of two times of day with a hyphen between them. */
const HYPHEN = /^(\d\d?:[\d:.]+)-(?=\d\d?:)/;

const ALL_TIME = 'all';

/**
 * The range that a text means, or undefined if it means none.
 * @param {string} text
 * @param {Date} now
 * @returns {TimeRange | undefined}
 */
export function parseRange(text, now) {
  const typed = text.trim();
  const word = typed.toLowerCase().replace(/^all time$|^$/, ALL_TIME);
  if (word === ALL_TIME) return { moving: true, text: ALL_TIME, label: 'All time' };
  return parseDay(word, now) ?? parseDuration(word, now) ?? parseInterval(typed, now) ?? parseMoment(typed, now);
}

/** @param {string} word @param {Date} now @returns {TimeRange | undefined} */
function parseDay(word, now) {
  if (word !== 'today' && word !== 'yesterday') return undefined;
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  if (word === 'today') return { from: midnight, to: now, moving: true, text: word, label: 'Today' };
  const before = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  return { from: before, to: midnight, moving: false, text: word, label: 'Yesterday' };
}

/** @param {string} word @param {Date} now @returns {TimeRange | undefined} */
function parseDuration(word, now) {
  const match = DURATION.exec(word);
  if (!match || Number(match[1]) === 0) return undefined;
  const unit = /** @type {keyof typeof MS} */ (match[2].toLowerCase());
  const count = Number(match[1]);
  const from = new Date(now.getTime() - count * MS[unit]);
  if (Number.isNaN(from.getTime()) || from.getFullYear() < 1970) return undefined;
  const label = count === 1 ? `Last ${UNITS[unit]}` : `Last ${count} ${UNITS[unit]}s`;
  return { from, to: now, moving: true, text: `${count}${unit}`, label };
}

/** @param {string} typed @param {Date} now @returns {TimeRange | undefined} */
function parseInterval(typed, now) {
  const parts = typed.replace(HYPHEN, '$1..').split(/\s*(?:\.\.|–)\s*|\s+(?:to|-)\s+/i);
  if (parts.length !== 2 || (!parts[0] && !parts[1])) return undefined;
  const start = parts[0] ? parsePoint(parts[0], now, now) : undefined;
  const end = parts[1] ? parsePoint(parts[1], now, start?.from ?? now) : undefined;
  if ((parts[0] && !start) || (parts[1] && !end)) return undefined;
  // A day as the end belongs to the range; a time of day does not.
  const to = end?.day ? end.to : end?.from;
  // From 23:00 to 01:00 means until the next day.
  if (start && to && to < start.from && /^\d\d?:/.test(parts[1])) to.setDate(to.getDate() + 1);
  return absolute(start?.from, to);
}

/** @param {string} typed @param {Date} now @returns {TimeRange | undefined} */
function parseMoment(typed, now) {
  const point = parsePoint(typed, now, now);
  return point && point.to > point.from ? absolute(point.from, point.to) : undefined;
}

/**
 * @param {Date | undefined} from @param {Date | undefined} to
 * @returns {TimeRange | undefined}
 */
export function absolute(from, to) {
  if (from && to && from >= to) return undefined;
  const text = `${from ? iso(from) : ''}..${to ? iso(to) : ''}`;
  return { from, to, moving: !to, text, label: labelOf(from, to) };
}

/**
 * A point in time, with the end of the day, minute or second that was typed.
 * @param {string} typed @param {Date} now @param {Date} base the day of a time without a date
 * @returns {{ from: Date, to: Date, day: boolean } | undefined}
 */
function parsePoint(typed, now, base) {
  if (/^now$/i.test(typed)) return { from: now, to: now, day: false };
  const day = parseDay(typed.toLowerCase(), now);
  if (day?.from) return { from: day.from, to: nextDay(day.from), day: true };
  const duration = parseDuration(typed.toLowerCase(), now);
  if (duration?.from) return { from: duration.from, to: duration.from, day: false };
  return parseCalendar(typed, base);
}

/** @param {string} typed @param {Date} base */
function parseCalendar(typed, base) {
  const match = POINT.exec(typed);
  // A time of day with an offset would have no day: it may be another day there.
  if (!match || (!match[1] && (!match[4] || match[8]))) return undefined;
  const [, year, month, date, hour, minute, second, fraction, zone] = match;
  const ymd = year ? [Number(year), Number(month), Number(date)] : [base.getFullYear(), base.getMonth() + 1, base.getDate()];
  const hms = [Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0), Math.floor(Number(fraction ?? 0) * 1000)];
  if (hms[0] > 23 || hms[1] > 59 || hms[2] > 59) return undefined;
  const from = new Date(ymd[0], ymd[1] - 1, ymd[2], hms[0], hms[1], hms[2], hms[3]);
  if (from.getMonth() !== ymd[1] - 1 || from.getDate() !== ymd[2]) return undefined;
  if (zone) from.setTime(Date.UTC(ymd[0], ymd[1] - 1, ymd[2], hms[0], hms[1], hms[2], hms[3]) - zoneMs(zone));
  if (!hour) return { from, to: zone ? new Date(from.getTime() + MS.d) : nextDay(from), day: true };
  const length = fraction ? 1 : second ? MS.s : MS.m;
  return { from, to: new Date(from.getTime() + length), day: false };
}

/** @param {string} zone */
function zoneMs(zone) {
  if (/z/i.test(zone)) return 0;
  const digits = zone.replace(/\D/g, '');
  return (zone[0] === '-' ? -1 : 1) * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * MS.m;
}

/** @param {Date} day */
const nextDay = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);

/** @param {Date} date */
const iso = (date) => date.toISOString().replace('.000Z', 'Z');

/** @param {Date | undefined} from @param {Date | undefined} to */
function labelOf(from, to) {
  if (!from) return to ? `Until ${stamp(to)}` : 'All time';
  if (!to) return `Since ${stamp(from)}`;
  const end = stamp(to);
  return from.toDateString() === to.toDateString() ? `${stamp(from)} – ${end.slice(11)}` : `${stamp(from)} – ${end}`;
}

/** A local time, as short as it can be. @param {Date} date */
function stamp(date) {
  const pad = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const seconds = date.getSeconds() || date.getMilliseconds() ? `:${pad(date.getSeconds())}` : '';
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}${seconds}`;
}
