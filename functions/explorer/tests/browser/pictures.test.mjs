// Takes the pictures of the documents, if SCREENSHOTS is set. The entries are those of a shop in which a bank has been slow for ten minutes.

import { after, before } from 'node:test';
import { explorerTest } from './explorer.mjs';
import { ago, BINARY, LogPulse, save, searchable } from './logpulse.mjs';

const skip = BINARY === '' || !process.env.SCREENSHOTS;
const SECONDS = 3600;
const INCIDENT_SECONDS = 600;
const BATCH = 1000;
const VIEWPORT = { viewport: { width: 1280, height: 800 }, timezoneId: 'UTC' };

/** @type {LogPulse} */
let logpulse;

/** Numbers that look random and are the same each time. @param {number} seed */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const next = random(17);
let lastOrder = 40_000;
/** @template T @param {T[]} values @returns {T} */
const pick = (values) => /** @type {T} */ (values[Math.floor(next() * next() * values.length)]);
const hex = (/** @type {number} */ digits) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');

/** @returns {import('./logpulse.mjs').NewEntry[]} the entries of one order, which share a trace */
function order(/** @type {number} */ secondsAgo) {
  const trace_id = hex(32);
  lastOrder += 1 + Math.floor(next() * 3);
  const number = lastOrder;
  const user = pick(['ann', 'joe', 'kim', 'lee', 'mia', 'tom']);
  const region = pick(['eu', 'us', 'ap']);
  const ms = Math.floor(20 + next() * 180);
  const slow = secondsAgo < INCIDENT_SECONDS && next() < 0.3;
  const entry = (/** @type {number} */ later, /** @type {import('./logpulse.mjs').NewEntry} */ fields) => ({
    timestamp: ago(secondsAgo - later),
    trace_id,
    ...fields,
  });
  const status = slow ? 502 : 200;
  return [
    entry(0, {
      service_name: 'gateway',
      level: slow ? 'warn' : 'info',
      message: `POST /orders ${status} in ${slow ? 3000 + ms : ms} ms`,
      attributes: { http: { method: 'POST', status }, region, user },
    }),
    entry(0.01, {
      service_name: 'checkout',
      level: 'info',
      message: `order ${number} placed by ${user}`,
      attributes: { order: number, user, region },
    }),
    entry(0.02, {
      service_name: 'stock',
      level: 'debug',
      message: `reserved ${1 + (number % 4)} items for order ${number}`,
      attributes: { order: number },
    }),
    slow
      ? entry(0.03, {
          service_name: 'payment',
          level: 'error',
          message: `payment of order ${number} failed: bank-gateway timed out after 3000 ms`,
          attributes: { order: number, bank: 'first-national', retries: 3, region },
        })
      : entry(0.03, {
          service_name: 'payment',
          level: next() < 0.02 ? 'warn' : 'info',
          message: `payment of order ${number} accepted in ${ms} ms`,
          attributes: { order: number, bank: pick(['first-national', 'river-bank', 'union']), region },
        }),
  ];
}

before(async () => {
  if (skip) return;
  logpulse = await LogPulse.start();
  const entries = [];
  for (let secondsAgo = SECONDS - 5; secondsAgo > 2; secondsAgo -= 0.5 + next()) entries.push(...order(secondsAgo));
  for (let sent = 0; sent < entries.length; sent += BATCH) await save(entries.slice(sent, sent + BATCH), logpulse.url);
  await searchable('', entries.length, logpulse.url);
});
after(() => logpulse?.remove());

/**
 * @param {string} name @param {Record<string, string>} parameters @param {'light' | 'dark'} colorScheme
 * @param {(explorer: import('./explorer.mjs').Explorer) => Promise<void>} [act]
 */
function picture(name, parameters, colorScheme, act) {
  const take = async (/** @type {import('./explorer.mjs').Explorer} */ explorer) => {
    explorer.server = logpulse.url;
    await explorer.open(parameters);
    await explorer.page
      .getByRole('button', { name: /^Include level/ })
      .first()
      .waitFor();
    await act?.(explorer);
    await explorer.page.waitForTimeout(500);
    await explorer.picture(name);
  };
  explorerTest(`picture ${name}`, take, { skip, context: { ...VIEWPORT, colorScheme } });
}

picture('explorer', { q: 'order' }, 'light');

picture('explorer-entry', { q: 'level:>=warn timed', time: '30m' }, 'dark', async (explorer) => {
  await explorer.rows.nth(3).click();
  await explorer.button('Show context').click();
  await explorer.panel.getByRole('combobox', { name: 'Lines of' }).selectOption('trace');
});

picture('explorer-patterns', { tab: 'patterns', time: '30m' }, 'light', async (explorer) => {
  await explorer.page
    .getByRole('button', { name: /^Show pattern payment of order/ })
    .first()
    .waitFor();
});

picture('explorer-live', { q: 'service_name:payment', live: '1', time: '15m' }, 'dark', async (explorer) => {
  for (let seconds = 6; seconds > 0; seconds -= 0.5) {
    await save(Array.from({ length: 4 }, (_, i) => order(0.4 - i * 0.1)).flat(), logpulse.url);
    await explorer.page.waitForTimeout(500);
  }
});
