// How the page looks: accessibility, colours, small screens.

import assert from 'node:assert/strict';
import { before } from 'node:test';
import { AxeBuilder } from '../../checks/node_modules/@axe-core/playwright/dist/index.mjs';
import { eventually, explorerTest } from './explorer.mjs';
import { ago, save, searchable, unique } from './logpulse.mjs';

const run = unique('look');
const ALL = `@run:${run}`;
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'];
const NARROW = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true };

/** @type {string[]} */
let ids;

before(async () => {
  const entries = Array.from({ length: 60 }, (_, n) => ({
    timestamp: ago(60 + n * 50),
    level: LEVELS[n % LEVELS.length],
    service_name: `look-${run}`,
    message: `request ${n} took ${n * 3} ms: ${'a long line '.repeat(20)}`,
    attributes: { run, path: `/orders/${n}`, http: { status: 200 } },
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  }));
  ids = await save(entries);
  await searchable(ALL, 60);
});

/** Asserts that axe has no findings. @param {import('./explorer.mjs').Explorer} explorer @param {string} state */
async function isAccessible({ page }, state) {
  const { violations } = await new AxeBuilder({ page: /** @type {any} */ (page) }).analyze();
  const findings = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`);
  assert.deepEqual(findings, [], state);
}

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  explorerTest(
    `axe has no findings in ${colorScheme} colours`,
    async (explorer) => {
      const { page } = explorer;
      await explorer.open({ q: `${ALL} request` });
      await explorer.hasRows(60);
      await page.getByRole('button', { name: /^Include level ERROR/ }).waitFor();
      await isAccessible(explorer, 'entries');
      for (const panel of ['fields', 'json', 'context']) {
        await explorer.open({ q: ALL, entry: ids[7] ?? '', panel });
        await explorer.panel.getByText('request 7 took').first().waitFor();
        await isAccessible(explorer, `panel ${panel}`);
      }
      await explorer.open({ q: ALL, tab: 'patterns' });
      await page.getByRole('region', { name: 'Patterns' }).waitFor();
      await isAccessible(explorer, 'patterns');
      await page
        .getByRole('button', { name: /^Show pattern/ })
        .first()
        .click();
      await page.getByRole('button', { name: /^Remove pattern request/ }).waitFor();
      await isAccessible(explorer, 'pattern in the query');
      for (const window of [/^Time range/, /^Columns$/, /^Export$/, /^Help$/]) {
        await explorer.open({ q: ALL });
        await explorer.hasRows(60);
        await page.getByRole('button', { name: window }).click();
        await isAccessible(explorer, String(window));
      }
      await explorer.open({ q: `${ALL} nothing-has-this` });
      await page.getByText('No entries match').waitFor();
      await isAccessible(explorer, 'no hits');
      await explorer.open({ q: 'level:' });
      await page.getByRole('alert').waitFor();
      await isAccessible(explorer, 'mistake');
      await explorer.open({ q: ALL, live: '1' });
      await page.getByRole('group', { name: 'Live tail controls' }).getByText('Live', { exact: true }).waitFor();
      await isAccessible(explorer, 'live tail');
    },
    { context: { colorScheme }, reports: /status of 400/ },
  );
}

/** The brightness of the page's background, from 0 to 255. @param {import('./explorer.mjs').Explorer} explorer */
async function brightness({ page }) {
  const colour = await page.evaluate(() => {
    const { backgroundColor } = getComputedStyle(document.body);
    return backgroundColor === 'rgba(0, 0, 0, 0)' ? getComputedStyle(document.documentElement).backgroundColor : backgroundColor;
  });
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+(\.\d+)?/g) ?? []).map(Number);
  return (red + green + blue) / 3;
}

explorerTest(
  'colours follow the system, and can be switched',
  async (explorer) => {
    await explorer.open({ q: ALL });
    assert.ok((await brightness(explorer)) < 60);
    await explorer.button('Theme: system').click();
    assert.ok((await brightness(explorer)) > 200);
    await explorer.page.reload();
    await explorer.button('Theme: light').click();
    assert.ok((await brightness(explorer)) < 60);
    await explorer.page.emulateMedia({ colorScheme: 'light' });
    assert.ok((await brightness(explorer)) < 60);
    await explorer.button('Theme: dark').click();
    assert.ok((await brightness(explorer)) > 200);
  },
  { context: { colorScheme: 'dark' } },
);

explorerTest(
  'a small screen shows everything without horizontal scrolling',
  async (explorer) => {
    const { page } = explorer;
    const fits = async (/** @type {string} */ state) => {
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= NARROW.viewport.width, `${state}: ${width} px wide`);
      await isAccessible(explorer, state);
    };
    await explorer.open({ q: ALL });
    await explorer.hasRows(60);
    await fits('entries');
    for (const button of await page.getByRole('toolbar', { name: 'List' }).getByRole('button').all()) {
      const { x = NaN, width = NaN } = (await button.boundingBox()) ?? {};
      assert.ok(x >= 0 && x + width <= NARROW.viewport.width, `${await button.getAttribute('aria-label')}: ${x} + ${width}`);
    }
    await explorer.rows.nth(2).tap();
    await explorer.panel.getByText('request 2 took').first().waitFor();
    await fits('panel');
    await explorer.button('Close panel').tap();
    await explorer.button('Fields').tap();
    const include = page.getByRole('button', { name: /^Include level ERROR/ });
    await include.waitFor();
    await fits('fields');
    await include.tap();
    await explorer.hasRows(10);
    await explorer.button('Close fields').tap();
    await page.getByRole('button', { name: /^Time range/ }).tap();
    await fits('time range');
  },
  { context: NARROW },
);

explorerTest(
  'nothing moves for those who prefer that',
  async (explorer) => {
    await explorer.open({ q: ALL, live: '1' });
    await explorer.page.getByRole('group', { name: 'Live tail controls' }).getByText('Live', { exact: true }).waitFor();
    await eventually(async () => {
      const running = await explorer.page.evaluate(
        () => document.getAnimations().filter(({ playState }) => playState === 'running').length,
      );
      assert.equal(running, 0);
    });
  },
  { context: { reducedMotion: 'reduce' } },
);

explorerTest('the window for the range of time needs no horizontal scrolling', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.page.getByRole('button', { name: /^Time range/ }).click();
  const window = explorer.page.getByRole('dialog', { name: /^Time range/ });
  const hidden = await window.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
  assert.equal(hidden, 0);
});

explorerTest('the page works below a path of a proxy', async (explorer) => {
  const prefix = '/logs-of-team/';
  await explorer.context.route(`${explorer.server}${prefix}**`, async (route) => {
    const url = route.request().url().replace(prefix, '/');
    await route.fulfill({ response: await route.fetch({ url }) });
  });
  /** @type {string[]} */
  const outside = [];
  explorer.page.on('request', (request) => {
    if (!new URL(request.url()).pathname.startsWith(prefix)) outside.push(request.url());
  });
  await explorer.page.goto(`${explorer.server}${prefix}?q=${encodeURIComponent(ALL)}`);
  await explorer.hasRows(60);
  await explorer.rows.first().click();
  await explorer.panel.getByText('request 0 took').first().waitFor();
  assert.deepEqual(outside, []);
});
