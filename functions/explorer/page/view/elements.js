// What all views are made of: templates, which are parsed at run time, icons, levels, pop-up windows, messages that go away.

import { signal, use } from '../state/signal.js';
import { LEVELS } from '../text/query.js';
import { useEffect, useRef, useState } from '../vendor/hooks.js';
import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

export const html = htm.bind(h);

/** A text, marked if it is what the query found. @param {string} text @param {boolean} [hit] */
export const marked = (text, hit) => (hit ? html`<mark>${text}</mark>` : text);

/** @param {...(string | false | undefined)} names */
export const classes = (...names) => names.filter(Boolean).join(' ');

const PATHS = {
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.3 10.3 14 14',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 4.8V8l2.2 1.6',
  refresh: 'M12.8 9.5A5 5 0 1 1 12.6 6M13 2.5V6H9.5',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  column: 'M2.5 3h11v10h-11zM7 3v10',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  link: 'M6.5 9.5l3-3M7 4.5l1.6-1.6a3.2 3.2 0 0 1 4.5 4.5L11.5 9M9 11.5l-1.6 1.6a3.2 3.2 0 0 1-4.5-4.5L4.5 7',
  context: 'M2.5 4h11M2.5 8h11M2.5 12h11M1 8h.5',
  trace: 'M2 4h6M5 8h6M8 12h6',
  play: 'M5 3l8 5-8 5z',
  pause: 'M5.5 3v10M10.5 3v10',
  stop: 'M4 4h8v8H4z',
  wrap: 'M2 4h12M2 8h9.5a2.2 2.2 0 0 1 0 4.4H8M9.8 10.4 7.8 12.4l2 2M2 12.4h3',
  download: 'M8 2v8M4.8 7 8 10.2 11.2 7M2.5 13.5h11',
  help: 'M5.6 6a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2.9-1.2 1.9M8 12.6v.4',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M3 13l1.2-1.2M11.8 4.2 13 3',
  moon: 'M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1Z',
  system: 'M2 3h12v8H2zM5.5 14h5M8 11v3',
  left: 'M10 3 5 8l5 5',
  right: 'M6 3l5 5-5 5',
  down: 'M3.5 6 8 10.5 12.5 6',
  filter: 'M2 3.5h12M4.5 8h7M6.8 12.5h2.4',
};

/** @param {{ name: keyof typeof PATHS }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** The pulse of LogPulse. */
export function Logo() {
  return html`<svg class="logo" viewBox="0 0 24 24" aria-hidden="true"><path d="M2 13h4l2.5-8 4.5 15 3-10 1.5 3H22" /></svg>`;
}

/** @typedef {import('../api/logs.js').Stats} Stats */

/** @param {string} level */
export const levelClass = (level) => classes('level', LEVELS.includes(level) ? `level-${level.toLowerCase()}` : 'level-other');

/**
 * The levels of a histogram, the most severe first, which it draws at the bottom, where it stays visible; with what has another level or none at the end.
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

/**
 * @param {object} props
 * @param {string} props.label the name of the button
 * @param {unknown} props.face what the button shows
 * @param {string} [props.name] a class
 * @param {(close: () => void) => unknown} props.children
 */
export function Popover({ label, face, name, children }) {
  const [open, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const close = () => {
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const first = /** @type {HTMLElement | null | undefined} */ (root.current?.querySelector('.window :is(input, button, a)'));
    first?.focus();
    const outside = (/** @type {Event} */ event) => root.current?.contains(/** @type {Node} */ (event.target)) || setOpen(false);
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);
  /** @param {KeyboardEvent} event */
  const keydown = (event) => {
    if (event.key !== 'Escape' || !open) return;
    event.stopPropagation();
    close();
  };
  return html`<div class=${classes('popover', name)} ref=${root} onKeyDown=${keydown}>
    <button class="button" aria-label=${label} aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)}>${face}</button>
    ${open && html`<div class="window" role="dialog" aria-label=${label}>${children(close)}</div>`}
  </div>`;
}

const SHOWN_MS = 2500;
const message = signal('');
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
function toast(text) {
  clearTimeout(timer);
  message.value = text;
  timer = setTimeout(() => (message.value = ''), SHOWN_MS);
}

/** @param {string} text @param {string} said what to say once it is copied */
export async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copySelection(text);
  }
  toast(said);
}

/** Copies where the clipboard is unavailable: on pages that came over plain HTTP. @param {string} text */
function copySelection(text) {
  const area = document.createElement('textarea');
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  area.value = text;
  area.className = 'offscreen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  focused?.focus();
}

export function Toast() {
  const shown = use(message);
  return html`<div class="toast" role="status" data-shown=${shown !== ''}>${shown}</div>`;
}
