// One entry: its panel, its context and its trace, and the keyboard.

import assert from 'node:assert/strict';
import { before } from 'node:test';
import { eventually, explorerTest } from './explorer.mjs';
import { ago, save, searchable, unique } from './logpulse.mjs';

const run = unique('entry');
const ALL = `@run:${run}`;
const SERVICE = `stock-${run}`;
const TRACE = Array.from({ length: 32 }, () => Math.floor(Math.random() * 16).toString(16)).join('');

/** @type {string[]} */
let ids;

// Twenty entries, the newest first.
before(async () => {
  const entries = Array.from({ length: 20 }, (_, n) => ({
    timestamp: ago(60 + n * 10),
    level: n === 5 ? 'error' : 'info',
    service_name: n === 6 ? `other-${run}` : SERVICE,
    message: `step ${n} of the import`,
    attributes: { run, step: n, http: { status: n === 5 ? 500 : 200 } },
    ...(n > 4 && n < 8 && { trace_id: TRACE }),
  }));
  ids = await save(entries);
  await searchable(ALL, 20);
});

explorerTest('a click on a row shows the entry', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.hasRows(20);
  await explorer.rows.nth(5).click();
  await explorer.panel.getByText('step 5 of the import').waitFor();
  await explorer.page
    .getByRole('status')
    .filter({ hasText: `Opened: ERROR ${SERVICE}` })
    .waitFor();
  assert.equal(explorer.parameters().entry, ids[5]);
  assert.equal(await explorer.rows.nth(5).getAttribute('aria-selected'), 'true');
  assert.match((await explorer.panel.locator('.panel-time').textContent()) ?? '', /:\d\d\.\d{6} UTC/);
  await explorer.panel.getByRole('rowheader', { name: 'http.status' }).waitFor();

  await explorer.panel.getByRole('button', { name: 'JSON', exact: true }).click();
  const json = (await explorer.panel.locator('pre').last().textContent()) ?? '';
  const { id, level, attributes, trace_id } = JSON.parse(json);
  assert.deepEqual([id, level, trace_id], [ids[5], 'ERROR', TRACE]);
  assert.deepEqual(attributes, { run, step: 5, http: { status: 500 } });
  await explorer.panel.getByRole('button', { name: 'Copy JSON' }).click();
  assert.equal(await explorer.clipboard(), json);

  await explorer.button('Close panel').click();
  await explorer.panel.waitFor({ state: 'detached' });
  assert.equal(explorer.parameters().entry, undefined);
});

explorerTest('attributes of an entry are included and excluded', async (explorer) => {
  await explorer.open({ q: ALL, entry: ids[5] ?? '' });
  await explorer.hasRows(20);
  await explorer.panel.getByRole('button', { name: 'Exclude http.status 500' }).click();
  await explorer.hasRows(19);
  await explorer.open({ q: ALL, entry: ids[5] ?? '' });
  await explorer.panel.getByRole('button', { name: 'Include http.status 500' }).click();
  await explorer.hasRows(1);
});

explorerTest('the context shows the lines around an entry, from its service or its trace', async (explorer) => {
  await explorer.open({ q: `${ALL} level:error`, entry: ids[5] ?? '' });
  await explorer.button('Show context').click();
  const lines = explorer.panel.getByRole('list', { name: 'Context' }).getByRole('listitem');
  const steps = async () => (await lines.locator('.context-message').allTextContents()).map((text) => Number(text.split(' ')[1]));
  // The oldest first, without the entry of the other service.
  const expected = Array.from({ length: 16 }, (_, n) => 15 - n).filter((n) => n !== 6);
  await eventually(async () => assert.deepEqual((await steps()).slice(-15), expected));
  assert.match((await explorer.panel.locator('[aria-current=true]').textContent()) ?? '', /step 5 of the import/);
  await explorer.panel.getByRole('combobox', { name: 'Lines of' }).selectOption('trace');
  await eventually(async () => assert.deepEqual(await steps(), [7, 6, 5]));
  await explorer.button('Show trace').click();
  await explorer.hasRows(3);
});

explorerTest('all services around an entry keep it in view, and back returns to its context', async (explorer) => {
  const service = unique('around');
  const at = Date.now() - 600_000;
  const saved = Array.from({ length: 400 }, (_, n) => ({
    timestamp: new Date(at + n * 100).toISOString(),
    service_name: service,
    message: `line ${n}`,
  }));
  const lineIds = await save(saved);
  await searchable(`service_name:${service}`, 400);
  await explorer.open({ q: `service_name:${service} "line 50"`, entry: lineIds[50] ?? '', panel: 'context' });
  await explorer.button('All services within a minute').click();
  const row = explorer.grid.locator('[aria-selected=true]');
  await row.getByText('line 50').waitFor();
  await eventually(async () => {
    const [inside, outside] = [await row.boundingBox(), await explorer.grid.boundingBox()];
    assert.ok(inside && outside && inside.y > outside.y && inside.y < outside.y + outside.height);
  });
  await explorer.page.goBack();
  await explorer.hasRows(1);
  await explorer.panel.getByRole('list', { name: 'Context' }).waitFor();
});

explorerTest('lines of the context are whole, and the line that is read stays in place', async (explorer) => {
  const service = unique('context');
  const saved = Array.from({ length: 40 }, (_, n) => ({
    timestamp: ago(60 + n),
    service_name: service,
    message: `line ${n} ${'of many '.repeat(40)}`,
  }));
  const lineIds = await save(saved);
  await searchable(`service_name:${service}`, 40);
  await explorer.open({ q: `service_name:${service}`, entry: lineIds[5] ?? '', panel: 'context' });
  const lines = explorer.panel.getByRole('list', { name: 'Context' }).getByRole('listitem');
  const read = lines.filter({ hasText: 'line 15 ' });
  await read.waitFor();
  assert.match((await read.getByRole('time').textContent()) ?? '', /:\d\d\.\d{3}$/);
  assert.ok(await read.getByRole('button').evaluate((button) => button.scrollWidth <= button.clientWidth && button.clientHeight > 60));
  await explorer.panel.getByRole('region', { name: 'Context' }).evaluate((body) => body.scrollTo(0, 0));
  const before = (await read.boundingBox())?.y ?? 0;
  await explorer.button('Show 20 lines before').click();
  await eventually(async () => assert.equal(await lines.count(), 36));
  const after = (await read.boundingBox())?.y ?? 0;
  assert.ok(Math.abs(before - after) < 2, `${before} ${after}`);
});

explorerTest('a link to an entry shows it, even if the search does not find it', async (explorer) => {
  await explorer.open({ q: ALL, entry: ids[5] ?? '' });
  await explorer.button('Copy link to entry').click();
  await explorer.page.getByRole('status').filter({ hasText: 'Link copied' }).waitFor();
  await explorer.page.goto(await explorer.clipboard());
  await explorer.panel.getByText('step 5 of the import').waitFor();
  await explorer.open({ q: 'nothing-has-this', entry: ids[5] ?? '' });
  await explorer.panel.getByText('step 5 of the import').waitFor();
});

explorerTest(
  'after an outage, the list and the panel recover',
  async (explorer) => {
    let isDown = true;
    const problem = { status: 503, contentType: 'application/problem+json', body: '{"detail":"the store is down"}' };
    await explorer.page.route('**/logs/**', (route) => (isDown ? route.fulfill(problem) : route.fallback()));
    await explorer.open({ q: `${ALL} level:error`, entry: ids[4] ?? '' });
    await explorer.page.getByRole('alert').getByText('The store is down').waitFor();
    await explorer.panel.getByText('Loading…').waitFor();
    isDown = false;
    await explorer.hasRows(1);
    await explorer.panel.getByText('step 4 of the import').waitFor();
    await explorer.page.getByRole('alert').waitFor({ state: 'detached' });
  },
  { reports: /status of 503/ },
);

explorerTest(
  'an entry that is not stored yet is shown once it is',
  async (explorer) => {
    let requests = 0;
    const problem = { status: 404, headers: { 'retry-after': '1' }, contentType: 'application/problem+json', body: '{}' };
    await explorer.page.route(`**/logs/${ids[4]}`, (route) => {
      requests += 1;
      return requests < 3 ? route.fulfill(problem) : route.fallback();
    });
    await explorer.open({ q: `${ALL} level:error`, entry: ids[4] ?? '' });
    await explorer.panel.getByText('is not stored yet').waitFor();
    await explorer.panel.getByText('step 4 of the import').waitFor();
  },
  { reports: /status of 404/ },
);

explorerTest('an unknown entry is reported as such', (explorer) => openUnknown(explorer), { reports: /status of 404/ });

/** @param {import('./explorer.mjs').Explorer} explorer */
async function openUnknown(explorer) {
  await explorer.open({ q: ALL, entry: '00000000-0000-7000-8000-000000000000' });
  await explorer.panel.getByText('This entry does not exist').waitFor();
}

explorerTest('everything works with the keyboard alone', async (explorer) => {
  const { page } = explorer;
  const press = async (/** @type {string[]} */ ...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await explorer.open();
  await press('/');
  await page.keyboard.type(ALL);
  await press('Escape', '/', 'End', 'Enter');
  await explorer.hasRows(20);
  await press('Escape', 'Escape');
  await press('j', 'j', 'j', 'k', 'Enter');
  await explorer.panel.getByText('step 1 of the import').waitFor();
  await press('j');
  await explorer.panel.getByText('step 2 of the import').waitFor();
  await press('c');
  await explorer.panel.getByRole('list', { name: 'Context' }).waitFor();
  await press('Escape');
  await explorer.panel.waitFor({ state: 'detached' });
  await press('End');
  await eventually(async () => assert.match((await page.locator('.row.active .message').textContent()) ?? '', /step 19/));
  await press('w');
  await eventually(async () => assert.equal(explorer.parameters().wrap, '1'));
  await press('y');
  await page.getByRole('status').filter({ hasText: 'Link copied' }).waitFor();
  assert.match(await explorer.clipboard(), /time=20/);
  await press('p');
  await page.getByRole('region', { name: 'Patterns' }).waitFor();
  await press('p');
  await explorer.hasRows(20);
  await press('End');
  await press('?');
  const help = page.getByRole('dialog', { name: 'Help' });
  await help.waitFor();
  await press('Escape');
  await help.waitFor({ state: 'detached' });
  await press('x');
  await eventually(async () => assert.match(explorer.parameters().q ?? '', /^@run:\S+ -pattern:/));
  await press('t');
  await eventually(async () => assert.equal(explorer.parameters().live, '1'));
  await press('t');
  await eventually(async () => assert.equal(explorer.parameters().live, undefined));
});

explorerTest('the tab key reaches every control, and the focus is visible', async (explorer) => {
  await explorer.open({ q: ALL, entry: ids[5] ?? '' });
  await explorer.hasRows(20);
  await explorer.page.getByRole('button', { name: 'Zoom in' }).waitFor();
  const reached = new Set();
  for (let presses = 0; presses < 150; presses += 1) {
    await explorer.page.keyboard.press('Tab');
    const focused = await explorer.page.evaluate(() => {
      const element = /** @type {HTMLElement} */ (document.activeElement);
      // In the list, the ring is around the row where the keyboard is.
      const row = document.getElementById(element.getAttribute('aria-activedescendant') ?? '');
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(row ?? element);
      const ring = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
      // The border around the query shows its focus.
      const parent = element.closest('.query');
      return {
        name: element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '',
        visible: ring || parent !== null,
        body: element === document.body,
      };
    });
    if (focused.body) break;
    assert.ok(focused.visible, `the focus on “${focused.name}” is not visible`);
    reached.add(focused.name);
  }
  for (const name of ['Query', 'Live tail', 'Help', 'Zoom in', 'Patterns', 'Copy link', 'Log entries', 'Close panel', 'Show context'])
    assert.ok(reached.has(name), `${name} is not reached: ${[...reached].join(', ')}`);
});
