// A button that opens a small window below it. Escape, or leaving it, closes the window.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { classes, html } from './html.js';

/**
 * @param {object} props
 * @param {string} props.label the name of the button
 * @param {unknown} props.face what the button shows
 * @param {string} [props.title]
 * @param {string} [props.align] `end` to align the window with the button's right edge
 * @param {string} [props.name] a class
 * @param {(close: () => void) => unknown} props.children
 */
export function Popover({ label, face, title, align, name, children }) {
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
    <button type="button" class="button" aria-label=${label} title=${title} aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)}>${face}</button>
    ${open && html`<div class=${classes('window', align)} role="dialog" aria-label=${label}>${children(close)}</div>`}
  </div>`;
}
