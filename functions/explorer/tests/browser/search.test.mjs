// Finding entries: the query, the range of time, the histogram, the fields and the patterns.

import assert from 'node:assert/strict';
import { before } from 'node:test';
import { eventually, explorerTest } from './explorer.mjs';
import { ago, save, searchable, unique } from './logpulse.mjs';

const run = unique('search');
const ALL = `@run:${run}`;
const PAYMENT = `payment-${run}`;
const CHECKOUT = `checkout-${run}`;

// Thirty entries: one of ten is an error, and the errors began ten minutes ago.
before(async () => {
  const entries = Array.from({ length: 30 }, (_, n) => ({
    timestamp: ago(n < 3 ? 500 + n * 40 : 700 + n * 60),
    level: n < 3 ? 'error' : n % 2 ? 'info' : 'warn',
    service_name: n % 3 ? CHECKOUT : PAYMENT,
    message: n < 3 ? `card declined: order ${n}` : `order ${n} placed in ${n * 7} ms`,
    attributes: { run, order: n, region: n % 2 ? 'eu' : 'us' },
  }));
  await save(entries);
  await searchable(ALL, 30);
});

explorerTest('a query finds entries and marks what matched', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.hasRows(30);
  await explorer.search(`${ALL} declined`);
  await explorer.hasRows(3);
  assert.deepEqual((await explorer.messages()).sort(), [0, 1, 2].map((n) => `card declined: order ${n}`).sort());
  assert.deepEqual(await explorer.rows.locator('mark').allTextContents(), ['declined', 'declined', 'declined']);
  assert.equal(explorer.parameters().q, `${ALL} declined`);
  await explorer.page.goBack();
  await explorer.hasRows(30);
  await explorer.page.goForward();
  await explorer.hasRows(3);
  assert.equal(await explorer.query.inputValue(), `${ALL} declined`);
});

explorerTest(
  'a mistake in a query is marked, and can be searched for as text',
  async (explorer) => {
    await explorer.open({ q: ALL });
    await explorer.search('level:');
    const alert = explorer.page.getByRole('alert');
    assert.match((await alert.textContent()) ?? '', /level needs a value/i);
    assert.equal(await explorer.query.getAttribute('aria-invalid'), 'true');
    await alert.getByRole('button', { name: 'Search for this text in quotes' }).click();
    await eventually(async () => assert.equal(explorer.parameters().q, '"level:"'));
    await alert.waitFor({ state: 'detached' });
  },
  { reports: /status of 400/ },
);

explorerTest('fields and values are completed with the keyboard', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.hasRows(30);
  await explorer.page.getByRole('button', { name: /^Include service(_name)? payment/ }).waitFor();
  await explorer.query.fill('');
  await explorer.query.pressSequentially('ser');
  const options = explorer.page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option');
  await options.first().waitFor();
  await explorer.query.press('ArrowDown');
  await explorer.query.press('Enter');
  await eventually(async () => assert.match(await explorer.query.inputValue(), /^service(_name)?:$/));
  await explorer.query.pressSequentially(PAYMENT.slice(0, -1));
  await options.filter({ hasText: PAYMENT }).first().waitFor();
  await explorer.query.press('ArrowDown');
  await explorer.query.press('Enter');
  await explorer.query.press('Enter');
  await eventually(async () => assert.match(explorer.parameters().q ?? '', new RegExp(`^service(_name)?:"?${PAYMENT}"?$`)));
  await explorer.hasRows(10);
});

explorerTest('newer entries are announced, and shown by a button or a key', async (explorer) => {
  const q = `service_name:${unique('newer')}`;
  const add = async (/** @type {number} */ n) => {
    await save([{ service_name: q.split(':')[1], message: `entry ${n}` }]);
    await searchable(q, n);
  };
  await add(1);
  await explorer.page.clock.install();
  await explorer.open({ q });
  await explorer.hasRows(1);
  await explorer.button('Refresh').waitFor();
  await add(2);
  await explorer.page.clock.fastForward(11_000);
  await explorer.button('Show newer entries').click();
  await explorer.hasRows(2);
  await explorer.button('Refresh').waitFor();
  await add(3);
  await explorer.page.keyboard.press('r');
  await explorer.hasRows(3);
});

explorerTest('a range of time can be typed and chosen', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.hasRows(30);
  await explorer.button('Time range: Last hour').click();
  await explorer.page.getByRole('textbox', { name: 'Type a time range' }).fill('11m');
  await explorer.page.keyboard.press('Enter');
  await explorer.hasRows(3);
  assert.equal(explorer.parameters().time, '11m');
  await explorer.button('Time range: Last 11 minutes').click();
  await explorer.button('All time').click();
  await explorer.hasRows(30);
});

explorerTest('dragging over the histogram zooms in', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.hasRows(30);
  const chart = explorer.page.getByRole('region', { name: 'Histogram' }).locator('.u-over');
  const box = await chart.boundingBox();
  assert.ok(box);
  const y = box.y + box.height / 2;
  await explorer.page.mouse.move(box.x + box.width * 0.8, y);
  await explorer.page.mouse.down();
  await explorer.page.mouse.move(box.x + box.width - 1, y, { steps: 5 });
  await explorer.page.mouse.up();
  // A fifth of an hour: the errors, and none of the other entries, which are older than 13 minutes.
  await explorer.hasRows(3);
  assert.match(explorer.parameters().time ?? '', /^\d{4}-.*\.\.\d{4}-.*$/);
  await explorer.button('Zoom out').click();
  await eventually(async () => assert.ok((await explorer.rowCount()) > 3));
  await explorer.page.goBack();
  await explorer.hasRows(3);
});

explorerTest('a range that ends now cannot be moved later', async (explorer) => {
  await explorer.open({ q: ALL });
  const later = explorer.button('Later');
  await later.waitFor();
  assert.ok(await later.isDisabled());
  await explorer.button('Earlier').click();
  await eventually(async () => assert.ok(await later.isEnabled()));
  await later.click();
  await explorer.hasRows(30);
});

explorerTest('more values are offered only where the query may leave some out', async (explorer) => {
  const levels = explorer.page.getByRole('list', { name: 'Values of level' });
  const more = levels.getByRole('button', { name: 'More values' });
  const error = levels.getByRole('button', { name: 'Include level ERROR, 3' });
  for (const [q, expected] of /** @type {const} */ ([
    [`${ALL} declined`, 0],
    [ALL, 1],
  ])) {
    await explorer.open({ q });
    await error.click();
    await explorer.hasRows(3);
    await eventually(async () =>
      assert.deepEqual([await levels.getByRole('listitem').count(), await more.count()], [1 + expected, expected]),
    );
  }
});

explorerTest('values of fields are included and excluded', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.button('Include level ERROR, 3').click();
  await explorer.hasRows(3);
  assert.equal(await explorer.page.getByRole('button', { name: /^Include level ERROR/ }).getAttribute('aria-pressed'), 'true');
  await explorer.page.getByRole('list', { name: 'Values of level' }).getByRole('button', { name: 'More values' }).click();
  await explorer.button('Include level INFO, 14').click();
  await explorer.hasRows(17);
  await explorer.page.getByRole('button', { name: /^Include level INFO/ }).click();
  await explorer.page.getByRole('button', { name: /^Include level ERROR/ }).click();
  await explorer.hasRows(30);
  await explorer.button('Exclude level ERROR').click();
  await explorer.hasRows(27);
  await explorer.page.getByRole('button', { name: new RegExp(`^Exclude service(_name)? ${PAYMENT}`) }).click();
  await eventually(async () => assert.match(explorer.parameters().q ?? '', /^@run:\S+ -level:ERROR -service(_name)?:/));
  for (const message of await explorer.messages()) assert.match(message, /^order (\d+) placed/);
});

explorerTest('a column can be added, and is part of the link', async (explorer) => {
  await explorer.open({ q: ALL, columns: 'level,service_name' });
  await explorer.hasRows(30);
  await explorer.button('Column region').click();
  await explorer.grid.getByRole('columnheader', { name: 'region' }).waitFor();
  assert.equal(explorer.parameters().columns, 'level,service_name,attributes.region');
  await explorer.page.reload();
  await explorer.grid.getByRole('columnheader', { name: 'region' }).waitFor();
});

explorerTest('a pattern shows its entries', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.button('Patterns').click();
  const patterns = explorer.page.getByRole('region', { name: 'Patterns' });
  await patterns.waitFor();
  // Keys that scroll belong to the browser here.
  const end = () => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true, cancelable: true }));
  assert.equal(await explorer.page.evaluate(end), true);
  const onlyNew = explorer.page.getByRole('checkbox', { name: 'Only patterns that are new' });
  await onlyNew.check();
  await eventually(async () => assert.equal(explorer.parameters().new, '1'));
  await explorer.page.reload();
  await patterns.waitFor();
  assert.ok(await onlyNew.isChecked());
  await onlyNew.uncheck();
  await patterns.getByRole('button', { name: /^Show pattern order .* placed in/ }).click();
  await explorer.hasRows(27);
  assert.match(explorer.parameters().q ?? '', /^@run:\S+ pattern:/);
  await explorer.page.reload();
  await explorer.page.getByRole('button', { name: /^Remove pattern order <.*> placed in <.*>$/ }).click();
  await explorer.hasRows(30);
  assert.equal(explorer.parameters().q, ALL);
});

explorerTest('a search without hits offers one that has hits', async (explorer) => {
  await explorer.open({ q: `${ALL} declyned` });
  const status = explorer.page.getByRole('status').filter({ hasText: 'No entries match' });
  await status.getByText(/^With similar spelling, there are \d+ hits\.$/).waitFor();
  await status.getByRole('button', { name: /^Show/ }).click();
  await eventually(async () => assert.ok((await explorer.rowCount()) >= 3));
  await explorer.open({ q: ALL, time: '2020-01-01' });
  await status.getByText('In all time, there are 30 hits.').waitFor();
  await status.getByRole('button', { name: 'Show these 30' }).click();
  await explorer.hasRows(30);
});

explorerTest('the button for similar hits writes their number as the hint does', async (explorer) => {
  const hint = { detail: 'with fuzzy=1, there are 3,649 hits', total: 3649, fuzzy: true };
  await explorer.page.route('**/logs/search?q=**', (route) => route.fulfill({ json: { count: 0, total: 0, data: [], hint } }));
  await explorer.open({ q: `${ALL} declyned` });
  await explorer.page.getByText('With similar spelling, there are 3,649 hits.').waitFor();
  await explorer.button('Show these 3,649').waitFor();
});

explorerTest('a misspelt field or value and the start of a terminal line are corrected', async (explorer) => {
  const status = explorer.page.getByRole('status').filter({ hasText: 'No entries match' });
  for (const [q, corrected] of [
    [`${ALL} lvl:error`, `${ALL} level:error`],
    [`${ALL} level:arror`, `${ALL} level:ERROR`],
    [`${ALL} "2026-11-25T14:00:12.123Z ERROR card declined"`, `${ALL} "card declined"`],
  ]) {
    await explorer.open({ q: q ?? '' });
    await status.getByText(`The query ${corrected} has 3 hits.`).waitFor();
    await status.getByRole('button', { name: 'Show these 3' }).click();
    await explorer.hasRows(3);
    assert.equal(explorer.parameters().q, corrected);
  }
  await explorer.open({ q: `@nothing:${run} (a` });
  await status.getByText('A quote or bracket is not closed.').waitFor();
});

explorerTest('pasted text becomes a quoted fragment', async (explorer) => {
  await explorer.open();
  await explorer.query.click();
  await explorer.page.evaluate(() => navigator.clipboard.writeText('[card] declined: "order" 1'));
  await explorer.page.keyboard.press('Control+V');
  assert.equal(await explorer.query.inputValue(), '"[card] declined: \\"order\\" 1"');
});

explorerTest('an export has every entry that matches', async (explorer) => {
  await explorer.open({ q: `${ALL} level:info` });
  await explorer.button('Export').click();
  const file = explorer.page.getByRole('link', { name: 'NDJSON' });
  // It is the range that is shown, also if the last hour is another one by now.
  const { searchParams } = new URL((await file.getAttribute('href')) ?? '', explorer.server);
  const [from = NaN, to = NaN] = ['from', 'to'].map((name) => new Date(searchParams.get(name) ?? '').getTime());
  assert.ok(Math.abs(to - from - 3_600_000) < 1000, `${searchParams}`);
  const download = explorer.page.waitForEvent('download');
  await file.click();
  const chunks = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().trim().split('\n');
  const orders = lines.map((line) => JSON.parse(line)).map(({ level, attributes }) => [level, attributes.order]);
  const expected = Array.from({ length: 30 }, (_, n) => n).filter((n) => n >= 3 && n % 2);
  assert.deepEqual(
    orders.sort((a, b) => a[1] - b[1]),
    expected.map((n) => ['INFO', n]),
  );
});

explorerTest('a link that is copied before the counts arrive has the new range', async (explorer) => {
  await explorer.open({ q: ALL });
  await explorer.page.getByRole('group', { name: 'Move in time' }).waitFor();
  await explorer.page.route('**/logs/stats?**', () => {});
  await explorer.page.getByRole('button', { name: /^Time range/ }).click();
  await explorer.button('Last 24 hours').click();
  await explorer.button('Copy link').click();
  await explorer.page.getByRole('status').filter({ hasText: 'Link copied' }).waitFor();
  const times = new URL(await explorer.clipboard()).searchParams.get('time')?.split('..') ?? [];
  const [from = NaN, to = NaN] = times.map((time) => new Date(time).getTime());
  assert.equal(to - from, 86_400_000);
});

explorerTest('a copied link shows the same later', async (explorer) => {
  await explorer.open({ q: ALL, time: '15m', sort: 'oldest' });
  await eventually(async () => assert.ok((await explorer.rowCount()) >= 3));
  const shown = await explorer.messages();
  await explorer.button('Copy link').click();
  await explorer.page.getByRole('status').filter({ hasText: 'Link copied' }).waitFor();
  const link = await explorer.clipboard();
  await save([{ service_name: PAYMENT, level: 'error', message: 'later', attributes: { run } }]);
  await searchable(`${ALL} later`, 1);
  await explorer.page.goto(link);
  await explorer.hasRows(shown.length);
  assert.deepEqual(await explorer.messages(), shown);
  assert.match(explorer.parameters().time ?? '', /^\d{4}-.*\.\.\d{4}-.*$/);
  assert.equal(await explorer.page.getByRole('combobox', { name: 'Order' }).inputValue(), 'oldest');
});
