// The live tail. CLUSTER=required also kills the replicas of a cluster on this machine (Docker).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { eventually, explorerTest } from './explorer.mjs';
import { BINARY, LogPulse, save, searchable, unique } from './logpulse.mjs';

const RATE = 100;
const BATCHES_PER_SECOND = 10;

/**
 * Sends numbered entries at the rate, and returns how many.
 * @param {string} run @param {number} seconds @param {{ first?: number, server?: string }} [options]
 */
async function send(run, seconds, { first = 0, server } = {}) {
  const count = seconds * RATE;
  const perBatch = RATE / BATCHES_PER_SECOND;
  for (let sent = 0; sent < count; sent += perBatch) {
    const started = Date.now();
    const numbers = Array.from({ length: perBatch }, (_, i) => first + sent + i);
    const entries = numbers.map((n) => ({ service_name: 'tail', message: `number ${n}`, attributes: { run } }));
    await save(entries, server);
    const rest = 1000 / BATCHES_PER_SECOND - (Date.now() - started);
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
  return count;
}

/**
 * Scrolls through the list and returns the number of each row.
 * @param {import('./explorer.mjs').Explorer} explorer
 */
async function allNumbers(explorer) {
  const numbers = new Map();
  const total = await explorer.rowCount();
  await explorer.page.evaluate(() => document.getElementById('grid')?.scrollTo(0, 0));
  for (let scrolls = 0; numbers.size < total && scrolls < 2000; scrolls += 1) {
    const rows = await explorer.rows.evaluateAll((rows) =>
      rows.map((row) => [Number(row.getAttribute('data-index')), row.querySelector('.message')?.textContent?.split(' ')[1]]),
    );
    for (const [index, number] of rows) numbers.set(index, Number(number));
    await explorer.page.evaluate(() => document.getElementById('grid')?.scrollBy(0, 300));
    await explorer.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  }
  return [...numbers.values()];
}

/**
 * Opens the live tail of a run, and waits until it listens.
 * @param {import('./explorer.mjs').Explorer} explorer @param {string} run
 */
async function openLive(explorer, run) {
  await explorer.open({ q: `@run:${run}`, live: '1' });
  await explorer.page.getByRole('group', { name: 'Live tail controls' }).getByText('Live', { exact: true }).waitFor();
}

/** @param {number} count */
const upTo = (count) => Array.from({ length: count }, (_, n) => n);

explorerTest('entries appear as they arrive, each once, and the list can be paused', async (explorer) => {
  const run = unique('tail');
  const state = explorer.page.getByRole('group', { name: 'Live tail controls' });
  await explorer.open({ q: `@run:${run}` });
  await explorer.button('Live tail').click();
  await state.getByText('Live', { exact: true }).waitFor();
  let count = 0;
  const sending = send(run, 8);

  await eventually(async () => assert.ok((await explorer.rowCount()) > RATE));
  await eventually(async () => {
    const rate = parseFloat((await state.getByLabel('Entries per second').textContent()) ?? '');
    assert.ok(rate > RATE * 0.7 && rate < RATE * 1.3, `${rate}/s`);
  });
  await explorer.button('Pause').click();
  await state.getByText('Paused').waitFor();
  const paused = await explorer.rowCount();
  const waiting = explorer.page.getByRole('button', { name: /^Resume: \d+ new entries/ });
  await waiting.waitFor();
  count = await sending;
  assert.equal(await explorer.rowCount(), paused);
  await explorer.button('Resume').click();
  await explorer.hasRows(count);
  const numbers = await allNumbers(explorer);
  assert.deepEqual(
    [...numbers].sort((a, b) => a - b),
    upTo(count),
  );

  await explorer.button('Stop live tail').click();
  await explorer.button('Live tail').waitFor();
  assert.equal(explorer.parameters().live, undefined);
});

explorerTest('the list stands still while it is scrolled', async (explorer) => {
  const run = unique('tail');
  await openLive(explorer, run);
  const first = await send(run, 1);
  await explorer.hasRows(first);
  await explorer.page.evaluate(() => document.getElementById('grid')?.scrollTo(0, 600));
  const shown = await explorer.messages();
  const count = first + (await send(run, 1, { first }));
  await explorer.page.getByRole('button', { name: /^Show \d+ new entries/ }).waitFor();
  assert.deepEqual(await explorer.messages(), shown);
  await explorer.page.getByRole('button', { name: /^Show \d+ new entries/ }).click();
  await explorer.hasRows(count);
});

explorerTest('a list that was paused, scrolled and read resumes at its top', async (explorer) => {
  const run = unique('tail');
  await openLive(explorer, run);
  const first = await send(run, 1);
  await explorer.hasRows(first);
  for (const resume of ['Resume', 'Show']) {
    if (resume === 'Resume') await explorer.button('Pause').click();
    await explorer.page.evaluate(() => document.getElementById('grid')?.scrollTo(0, 900));
    await explorer.rows.filter({ hasText: 'number 60' }).click();
    await explorer.panel.getByText('number 60').first().waitFor();
    await explorer.page.keyboard.press('Escape');
    const more = await save([{ service_name: 'tail', message: `after ${resume}`, attributes: { run } }]);
    await explorer.button(`${resume}: ${more.length} new entry`.replace('Show:', 'Show')).click();
    await eventually(async () => assert.equal((await explorer.messages())[0], `after ${resume}`));
    assert.equal(await explorer.page.evaluate(() => document.getElementById('grid')?.scrollTop), 0);
    assert.equal(await explorer.page.getByRole('button', { name: /new entr/ }).count(), 0);
  }
});

for (const operation of ['stats', 'fields']) {
  explorerTest(
    `while the tail is live, a refused request for ${operation} is the only one that is repeated`,
    async (explorer) => {
      const run = unique('tail');
      const sent = { search: 0, [operation]: 0 };
      let refused = false;
      await explorer.page.route('**/logs/search?**', (route) => {
        sent.search += 1;
        return route.fallback();
      });
      await explorer.open({ q: `@run:${run}`, live: '1' });
      await explorer.page.getByRole('group', { name: 'Live tail controls' }).getByText('Live', { exact: true }).waitFor();
      const first = await send(run, 1);
      await explorer.hasRows(first);
      sent.search = 0;
      await explorer.page.route(`**/logs/${operation}?**`, (route) => {
        sent[operation] += 1;
        if (refused) return route.fallback();
        refused = true;
        return route.fulfill({ status: 429, headers: { 'retry-after': '1' }, body: '{}' });
      });
      await explorer.page.getByText('Too many requests (429)').waitFor();
      await eventually(async () => assert.ok(sent[operation] > 1));
      await explorer.page.getByText('Too many requests (429)').waitFor({ state: 'detached' });
      assert.equal(sent.search, 0);
      assert.equal(await explorer.rowCount(), first);
    },
    { reports: /status of 429/ },
  );
}

explorerTest('the rows of a search stay until those of the next replace them', async (explorer) => {
  const run = unique('tail');
  await openLive(explorer, run);
  const first = await send(run, 1);
  await explorer.hasRows(first);
  await explorer.button('Stop live tail').click();
  /** @type {(() => void)[]} */
  const held = [];
  await explorer.page.route('**/logs/search?**', async (route) => {
    await new Promise((resolve) => held.push(() => resolve(undefined)));
    return route.fallback();
  });
  await explorer.button('Live tail').click();
  await eventually(async () => assert.ok(held.length));
  const count = first + (await send(run, 1, { first }));
  assert.ok((await explorer.rowCount()) >= first);
  const release = setInterval(() => held.shift()?.(), 10);
  await explorer.hasRows(count);
  clearInterval(release);
});

explorerTest('entries that wait are no search without hits', async (explorer) => {
  const run = unique('tail');
  await explorer.open({ q: `@run:${run}`, live: '1' });
  await explorer.page.getByText('No entries match').waitFor();
  await explorer.button('Pause').click();
  await save([{ service_name: 'tail', message: 'number 0', attributes: { run } }]);
  await explorer.button('Resume: 1 new entry').waitFor();
  await searchable(`@run:${run}`, 1);
  await explorer.query.press('Enter');
  await explorer.page.getByRole('region', { name: 'Histogram' }).getByText('1 entry').waitFor();
  assert.equal(await explorer.page.getByText('No entries match').count(), 0);
  await explorer.button('Resume: 1 new entry').click();
  await explorer.hasRows(1);
});

explorerTest('entries that wait are shown when the tail stops', async (explorer) => {
  const run = unique('tail');
  await openLive(explorer, run);
  const first = await send(run, 1);
  await explorer.hasRows(first);
  await explorer.button('Pause').click();
  const count = first + (await send(run, 1, { first }));
  await explorer.button(`Resume: ${count - first} new entries`).waitFor();
  await explorer.button('Stop live tail').click();
  await explorer.hasRows(count);
});

explorerTest('after a search without hits, a list that was scrolled follows again', async (explorer) => {
  const run = unique('tail');
  await openLive(explorer, run);
  const first = await send(run, 1);
  await explorer.hasRows(first);
  await explorer.page.evaluate(() => document.getElementById('grid')?.scrollTo(0, 600));
  await explorer.search(`@run:${run} nothing`);
  await explorer.page.getByText('No entries match').waitFor();
  await save([{ service_name: 'tail', message: 'nothing', attributes: { run } }]);
  await explorer.hasRows(1);
});

explorerTest('a search that finds an entry is live for it', async (explorer) => {
  const run = unique('tail');
  await save([{ service_name: 'tail', message: 'number 0', attributes: { run } }]);
  await searchable(`@run:${run}`, 1);
  await explorer.open({ q: `@run:${run} number`, live: '1' });
  await explorer.hasRows(1);
  await save([
    { service_name: 'tail', message: 'number 1', attributes: { run } },
    { service_name: 'tail', message: 'another', attributes: { run } },
  ]);
  await explorer.hasRows(2);
  assert.deepEqual(await explorer.messages(), ['number 1', 'number 0']);
});

explorerTest(
  'a tail whose first connection fails searches again',
  async (explorer) => {
    const run = unique('tail');
    await save([{ service_name: 'tail', message: 'number 0', attributes: { run } }]);
    await searchable(`@run:${run}`, 1);
    let attempts = 0;
    let searches = 0;
    await explorer.page.route('**/logs/tail?**', (route) => {
      attempts += 1;
      return attempts === 1 ? route.fulfill({ status: 503, body: '{}' }) : route.fallback();
    });
    await explorer.page.route('**/logs/search?**', (route) => {
      searches += 1;
      return route.fallback();
    });
    await explorer.open({ q: `@run:${run}`, live: '1' });
    await explorer.page.getByText('Reconnecting: The server answered 503').waitFor();
    await explorer.page.getByRole('group', { name: 'Live tail controls' }).getByText('Live', { exact: true }).waitFor();
    await eventually(async () => assert.equal(searches, 2));
    await explorer.hasRows(1);
  },
  { reports: /status of 503/ },
);

const noBinary = BINARY === '';
/** @type {LogPulse} */
let logpulse;
if (!noBinary) {
  const { after, before } = await import('node:test');
  before(async () => {
    logpulse = await LogPulse.start();
  });
  after(() => logpulse.remove());
}

explorerTest(
  'after a crash, the tail continues with every entry once',
  async (explorer) => {
    const run = unique('crash');
    const state = explorer.page.getByRole('group', { name: 'Live tail controls' });
    explorer.server = logpulse.url;
    await save([{ service_name: 'other', message: 'LogPulse has entries' }], logpulse.url);
    await searchable('entries', 1, logpulse.url);
    await explorer.open({ q: `@run:${run}`, live: '1' });
    await state.getByText('Live', { exact: true }).waitFor();
    const before = await send(run, 2, { server: logpulse.url });
    await explorer.hasRows(before);
    await logpulse.kill();
    await state.getByText('Reconnecting').waitFor();
    await logpulse.restart();
    const count = before + (await send(run, 2, { first: before, server: logpulse.url }));
    await state.getByText('Live', { exact: true }).waitFor();
    await explorer.hasRows(count);
    const numbers = await allNumbers(explorer);
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      upTo(count),
    );
  },
  // The browser reports the connections that fail.
  { skip: noBinary, reports: /net::ERR_/ },
);

explorerTest(
  'an outage is shown as what it is, and the page recovers',
  async (explorer) => {
    explorer.server = logpulse.url;
    await explorer.open({ time: 'all' });
    await eventually(async () => assert.ok((await explorer.rowCount()) > 0));
    await logpulse.kill();
    await explorer.search('entries');
    const alert = explorer.page.getByRole('alert');
    await alert.getByText('Server unreachable').waitFor();
    await logpulse.restart();
    await alert.waitFor({ state: 'detached' });
    await explorer.hasRows(1);
  },
  { skip: noBinary, reports: /net::ERR_/ },
);

/** Runs docker and returns the lines of its output. @param {string[]} args */
const docker = (...args) => execFileSync('docker', args, { encoding: 'utf8' }).trim().split('\n');

/** Kills the replicas of the tail one after another, and starts each again. */
async function killReplicas() {
  const labels = ['com.docker.compose.project=logpulse', 'com.docker.compose.service=tail'];
  for (const replica of docker('ps', '-q', ...labels.flatMap((label) => ['--filter', `label=${label}`]))) {
    docker('kill', replica);
    docker('start', replica);
    await eventually(async () => assert.deepEqual(docker('inspect', '-f', '{{.State.Health.Status}}', replica), ['healthy']), 60_000);
  }
}

explorerTest(
  'while replicas are killed, the tail continues with every entry once',
  async (explorer) => {
    const run = unique('replicas');
    await explorer.open({ q: `@run:${run}`, live: '1' });
    await explorer.page.getByRole('group', { name: 'Live tail controls' }).getByText('Live', { exact: true }).waitFor();
    const killed = { all: false };
    const killing = killReplicas().finally(() => (killed.all = true));
    let count = 0;
    while (!killed.all) count += await send(run, 1, { first: count });
    await killing;
    count += await send(run, 2, { first: count });
    await eventually(async () => assert.equal(await explorer.rowCount(), count), 60_000);
    const numbers = await allNumbers(explorer);
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      upTo(count),
    );
  },
  { skip: process.env.CLUSTER !== 'required', reports: /net::ERR_|status of 50[234]/ },
);
