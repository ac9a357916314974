// The bar at the top.

import { nextTheme, theme } from '../state/theme.js';
import { helpOpen } from './help.js';
import { html } from './html.js';
import { Icon, Logo } from './icons.js';
import { LiveControls } from './live-controls.js';
import { QueryBox } from './query-box.js';
import { TimePicker } from './time-picker.js';

const THEME_ICONS = /** @type {const} */ ({ system: 'system', light: 'sun', dark: 'moon' });

export function Header() {
  return html`<header class="top">
    <a class="brand" href="./" aria-label="LogPulse"><${Logo} /><span>LogPulse</span></a>
    <${QueryBox} />
    <div class="top-tools">
      <${TimePicker} />
      <${LiveControls} />
      <button type="button" class="icon-button" aria-label=${`Theme: ${theme.value}`} title=${`Theme: ${theme.value}`} onClick=${nextTheme}><${Icon} name=${THEME_ICONS[theme.value]} /></button>
      <button type="button" class="icon-button" aria-label="Help" title="Help (?)" onClick=${() => (helpOpen.value = true)}><${Icon} name="help" /></button>
      <a class="docs" href="docs">API docs</a>
    </div>
  </header>`;
}
