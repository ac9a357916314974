// A short message that goes away by itself.

import { signal } from '../vendor/signals.js';
import { html } from './html.js';

const SHOWN_MS = 2500;
const message = signal('');
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
export function toast(text) {
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
  return html`<div class="toast" role="status" data-shown=${message.value !== ''}>${message}</div>`;
}
