// One row: time, chosen columns, message.

import { rowTime, valueAt } from '../text/format.js';
import { parts } from '../text/marks.js';
import { Component } from '../vendor/preact.js';
import { classes, html } from './html.js';
import { levelClass } from './levels.js';

/** @typedef {import('../state/rows.js').Row} RowData */

const LINE_CHARACTERS = 600;
const WRAPPED_CHARACTERS = 6000;

/** The text of a column. @param {import('../api/logs.js').LogEntry} entry @param {string} name */
export function columnText(entry, name) {
  if (name.startsWith('attributes.')) return valueAt(entry.attributes, name.slice('attributes.'.length));
  return valueAt(entry, name);
}

/**
 * @typedef {object} RowProps
 * @property {RowData} row
 * @property {number} index
 * @property {string[]} columns
 * @property {boolean} wrap
 * @property {boolean} active whether the keyboard is at this row
 * @property {boolean} open whether the panel shows this row
 */

/** @extends {Component<RowProps>} */
export class Row extends Component {
  /** Rows are many, and change rarely. @param {RowProps} next */
  shouldComponentUpdate(next) {
    const now = /** @type {RowProps} */ (this.props);
    return (
      next.row !== now.row ||
      next.index !== now.index ||
      next.active !== now.active ||
      next.open !== now.open ||
      next.wrap !== now.wrap ||
      next.columns !== now.columns
    );
  }

  render() {
    const { row, index, columns, wrap, active, open } = /** @type {RowProps} */ (this.props);
    const { entry } = row;
    return html`<div id=${`row-${index}`} class=${classes('row', levelClass(entry.level), active && 'active', open && 'open')} role="row" aria-rowindex=${index + 2} aria-selected=${open} data-index=${index} data-id=${entry.id}>
      <span class="cell time" role="gridcell"><time datetime=${entry.timestamp}>${rowTime(entry.timestamp)}</time></span>
      ${columns.map((name) => html`<span class=${classes('cell', name === 'level' && 'level-text', name === 'service_name' && 'service')} role="gridcell" title=${columnText(entry, name)}>${columnText(entry, name)}</span>`)}
      <span class="cell message" role="gridcell"><${Message} text=${entry.message} hits=${row.hits} limit=${wrap ? WRAPPED_CHARACTERS : LINE_CHARACTERS} /></span>
    </div>`;
  }
}

/** A message with what matched marked. @param {{ text: string, hits: RowData['hits'], limit: number }} props */
export function Message({ text, hits, limit }) {
  const shown = text.length > limit ? text.slice(0, limit) : text;
  const pieces = parts(shown, hits).map(({ text: piece, hit }) => (hit ? html`<mark>${piece}</mark>` : piece));
  return html`${pieces}${text.length > limit && html`<span class="note">… ${text.length - limit} more</span>`}`;
}
