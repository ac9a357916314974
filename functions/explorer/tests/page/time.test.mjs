import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRange } from '../../page/text/time.js';

process.env.TZ = 'Europe/Berlin';
const now = new Date('2026-11-27T12:00:00Z');

/** @param {string} text */
function parsed(text) {
  const range = parseRange(text, now);
  return range && [range.from?.toISOString() ?? '', range.to?.toISOString() ?? '', range.text, range.label];
}

test('ranges are understood as people type them', () => {
  const cases = [
    ['15m', '2026-11-27T11:45:00.000Z', '2026-11-27T12:00:00.000Z', '15m', 'Last 15 minutes'],
    ['-1h', '2026-11-27T11:00:00.000Z', '2026-11-27T12:00:00.000Z', '1h', 'Last hour'],
    ['last 2 days', '2026-11-25T12:00:00.000Z', '2026-11-27T12:00:00.000Z', '2d', 'Last 2 days'],
    ['', '', '', 'all', 'All time'],
    ['All', '', '', 'all', 'All time'],
    ['today', '2026-11-26T23:00:00.000Z', '2026-11-27T12:00:00.000Z', 'today', 'Today'],
    ['yesterday', '2026-11-25T23:00:00.000Z', '2026-11-26T23:00:00.000Z', 'yesterday', 'Yesterday'],
    [
      '2026-11-25 14:00..15:00',
      '2026-11-25T13:00:00.000Z',
      '2026-11-25T14:00:00.000Z',
      '2026-11-25T13:00:00Z..2026-11-25T14:00:00Z',
      '2026-11-25 14:00 – 15:00',
    ],
    [
      '2026-11-25',
      '2026-11-24T23:00:00.000Z',
      '2026-11-25T23:00:00.000Z',
      '2026-11-24T23:00:00Z..2026-11-25T23:00:00Z',
      '2026-11-25 00:00 – 2026-11-26 00:00',
    ],
    [
      '2026-11-25..2026-11-26',
      '2026-11-24T23:00:00.000Z',
      '2026-11-26T23:00:00.000Z',
      '2026-11-24T23:00:00Z..2026-11-26T23:00:00Z',
      '2026-11-25 00:00 – 2026-11-27 00:00',
    ],
    [
      '14:00..15:00',
      '2026-11-27T13:00:00.000Z',
      '2026-11-27T14:00:00.000Z',
      '2026-11-27T13:00:00Z..2026-11-27T14:00:00Z',
      '2026-11-27 14:00 – 15:00',
    ],
    [
      '2026-11-25 14:03',
      '2026-11-25T13:03:00.000Z',
      '2026-11-25T13:04:00.000Z',
      '2026-11-25T13:03:00Z..2026-11-25T13:04:00Z',
      '2026-11-25 14:03 – 14:04',
    ],
    ['2026-11-25T14:00:00.5Z..', '2026-11-25T14:00:00.500Z', '', '2026-11-25T14:00:00.500Z..', 'Since 2026-11-25 15:00:00'],
    [
      '2026-11-25T14:00:00+02:00 to now',
      '2026-11-25T12:00:00.000Z',
      '2026-11-27T12:00:00.000Z',
      '2026-11-25T12:00:00Z..2026-11-27T12:00:00Z',
      '2026-11-25 13:00 – 2026-11-27 13:00',
    ],
    [
      '2h..1h',
      '2026-11-27T10:00:00.000Z',
      '2026-11-27T11:00:00.000Z',
      '2026-11-27T10:00:00Z..2026-11-27T11:00:00Z',
      '2026-11-27 11:00 – 12:00',
    ],
  ];
  for (const [text, ...expected] of cases) assert.deepEqual(parsed(text), expected, text);
});

test('a text that is no range is refused', () => {
  for (const text of ['soon', '0m', '15', '2026-13-01', '25:00..26:00', '15:00..14:00', '..', 'a..b', '99999w', '2026-11-25..x']) {
    assert.equal(parsed(text), undefined, text);
  }
});

test('the text of a range means the same range', () => {
  for (const text of ['15m', 'yesterday', 'all', '2026-11-25 14:00..15:00', '..2026-11-25', '2026-11-25T14:00:00Z..']) {
    const canonical = parsed(text)?.[2] ?? '';
    assert.deepEqual(parsed(canonical), parsed(text), text);
  }
});
