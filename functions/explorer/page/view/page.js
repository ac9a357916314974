// The page: bar, histogram, fields, list, panel.

import { rows } from '../state/rows.js';
import { view } from '../state/view.js';
import { Empty } from './empty.js';
import { FieldList } from './field-list.js';
import { Header } from './header.js';
import { Help } from './help.js';
import { Histogram } from './histogram.js';
import { classes, html } from './html.js';
import { Panel } from './panel.js';
import { Patterns } from './patterns.js';
import { Rows } from './rows.js';
import { Toast } from './toast.js';
import { Toolbar } from './toolbar.js';
import { TroubleNotice } from './trouble-notice.js';

export function Page() {
  const { items, rebuilding, fresh } = rows.value;
  const { tab, entry } = view.value;
  return html`<${Header} />
    <${TroubleNotice} />
    ${rebuilding && html`<p class="trouble" role="status">The index is being rebuilt: entries may be missing.</p>`}
    ${
      fresh
        ? html`<main class="main"><${Empty} /></main>`
        : html`<main class=${classes('main', entry && 'with-panel')}>
      <${Histogram} />
      <${FieldList} />
      <section class="list" aria-label="Entries">
        <${Toolbar} />
        ${tab === 'patterns' ? html`<${Patterns} />` : items.length ? html`<${Rows} />` : html`<${Empty} />`}
      </section>
      <${Panel} />
    </main>`
    }
    <${Help} />
    <${Toast} />`;
}
