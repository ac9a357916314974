// How fast the page is with many entries. These tests measure, so they need a release build and a machine without other work:
// SPEED=required runs them.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { explorerTest } from './explorer.mjs';
import { ago, BINARY, LogPulse, save, searchable } from './logpulse.mjs';

const skip = BINARY === '' || process.env.SPEED !== 'required';
const ENTRIES = Number(process.env.SPEED_ENTRIES ?? 200_000);
const BATCH = 5_000;
const ROWS = 100_000;
const MAX_FIRST_PAINT_MS = 300;
const MAX_FIRST_ROWS_MS = 600;
const MIN_FRAMES_PER_SECOND = 50;

/** @type {LogPulse} */
let logpulse;

before(async () => {
  if (skip) return;
  logpulse = await LogPulse.start();
  for (let first = 0; first < ENTRIES; first += BATCH) {
    const entries = Array.from({ length: BATCH }, (_, i) => ({
      timestamp: ago(((first + i) * 3000) / ENTRIES),
      level: (first + i) % 50 ? 'info' : 'error',
      service_name: ['payment', 'checkout', 'search'][i % 3],
      message: `request ${first + i} took ${i % 700} ms`,
      attributes: { status: i % 50 ? 200 : 500, user: `u${i % 997}` },
    }));
    await save(entries, logpulse.url);
  }
  await searchable('request', ENTRIES, logpulse.url, 120_000);
});
after(() => logpulse?.remove());

explorerTest(
  `the first rows of ${ENTRIES} entries are shown within ${MAX_FIRST_ROWS_MS} ms`,
  async (explorer) => {
    explorer.server = logpulse.url;
    await explorer.page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (!document.querySelector('[data-id]')) return;
        performance.mark('rows');
        observer.disconnect();
      }).observe(document, { childList: true, subtree: true });
    });
    const measured = [];
    for (let loads = 0; loads < 5; loads += 1) {
      await explorer.open();
      await explorer.rows.first().waitFor();
      measured.push(
        await explorer.page.evaluate(() => ({
          paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
          rows: performance.getEntriesByName('rows')[0]?.startTime ?? Infinity,
        })),
      );
    }
    const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[2] ?? Infinity;
    const paint = median(measured.map((load) => load.paint));
    const rows = median(measured.map((load) => load.rows));
    console.log(`first paint ${Math.round(paint)} ms, first rows ${Math.round(rows)} ms`);
    assert.ok(paint < MAX_FIRST_PAINT_MS && rows < MAX_FIRST_ROWS_MS);
  },
  { skip },
);

explorerTest(
  `scrolling through ${ROWS} rows keeps ${MIN_FRAMES_PER_SECOND} frames per second`,
  async (explorer) => {
    explorer.server = logpulse.url;
    await explorer.open();
    await explorer.rows.first().waitFor();
    const { frames, seconds, end, rows } = await explorer.page.evaluate(async (wanted) => {
      const grid = /** @type {HTMLElement} */ (document.getElementById('grid'));
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const ROW_PX = 22;
      const rows = () => Math.round(grid.scrollHeight / ROW_PX) - 1;
      for (let waits = 0; rows() < wanted && waits < 3000; waits += 1) {
        grid.scrollTop = grid.scrollHeight;
        await frame();
      }
      grid.scrollTop = 0;
      await frame();
      const started = performance.now();
      let frames = 0;
      while (performance.now() - started < 10_000) {
        grid.scrollTop += 400;
        if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight) grid.scrollTop = 0;
        await frame();
        frames += 1;
      }
      return { frames, seconds: (performance.now() - started) / 1000, end: grid.scrollTop, rows: rows() };
    }, ROWS);
    console.log(`${rows} rows, ${(frames / seconds).toFixed(1)} frames per second`);
    assert.ok(rows >= ROWS && end > 0, `${rows} rows`);
    assert.ok(frames / seconds >= MIN_FRAMES_PER_SECOND, `${frames / seconds} frames per second`);
  },
  { skip },
);
