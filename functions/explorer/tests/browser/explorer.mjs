// Opens the explorer in headless Chromium. A test fails if the page reports an error, violates its Content-Security-Policy, or requests
// anything from another host.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from '../../checks/node_modules/playwright-core/index.mjs';

/** @typedef {import('../../checks/node_modules/playwright-core/index.js').Page} Page */
/** @typedef {import('../../checks/node_modules/playwright-core/index.js').BrowserContextOptions} ContextOptions */

export const TIMEOUT_MS = 30_000;
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The deployment under test. */
export const URL_UNDER_TEST = (process.env.LOGPULSE_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');

/** @type {import('../../checks/node_modules/playwright-core/index.js').Browser} */
let browser;

before(async () => {
  const executablePath = BROWSERS.find(existsSync);
  assert.ok(executablePath, 'Chromium is not installed: apt-get install chromium');
  browser = await chromium.launch({ executablePath });
});

after(() => browser?.close());

/**
 * @typedef {object} Options
 * @property {string} [server] the address of LogPulse; by default, the deployment under test
 * @property {RegExp} [reports] what the console may report, such as the status of a request that is refused
 * @property {boolean} [skip]
 * @property {ContextOptions} [context]
 */

/**
 * Defines a test that uses a page.
 * @param {string} name @param {(explorer: Explorer) => Promise<void>} body @param {Options} [options]
 */
export function explorerTest(name, body, { skip = false, ...options } = {}) {
  test(name, { skip }, async () => {
    const explorer = await Explorer.start(options);
    try {
      await body(explorer);
      assert.deepEqual(explorer.problems, []);
    } catch (error) {
      for (const line of [...explorer.problems, ...explorer.pending]) console.error(line);
      if (process.env.FAILURES) await explorer.page.screenshot({ path: `${process.env.FAILURES}/${name}.png` });
      throw error;
    } finally {
      // A request that a route still passes on would fail the next test.
      await explorer.context.unrouteAll({ behavior: 'ignoreErrors' });
      await explorer.context.close();
    }
  });
}

/** A page in a browser without history. */
export class Explorer {
  /** @param {import('../../checks/node_modules/playwright-core/index.js').BrowserContext} context @param {Page} page @param {string} server */
  constructor(context, page, server) {
    this.context = context;
    this.page = page;
    this.server = server;
    /** @type {string[]} */
    this.problems = [];
    /** The requests without a response, for the report of a failure. @type {Set<string>} */
    this.pending = new Set();
  }

  /** @param {Omit<Options, 'skip'>} options */
  static async start({ server = URL_UNDER_TEST, reports, context: contextOptions }) {
    const permissions = ['clipboard-read', 'clipboard-write'];
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions, ...contextOptions });
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    const explorer = new Explorer(context, page, server);
    await explorer.#watch(reports);
    return explorer;
  }

  /** @param {RegExp | undefined} reports */
  async #watch(reports) {
    const problem = (/** @type {string} */ text) => reports?.test(text) || this.problems.push(text);
    this.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problem(`console: ${message.text()}`);
    });
    this.page.on('request', (request) => this.pending.add(request.url()));
    this.page.on('requestfinished', (request) => this.pending.delete(request.url()));
    this.page.on('requestfailed', (request) => this.pending.delete(request.url()));
    this.page.on('pageerror', (error) => problem(`error: ${error.stack}`));
    await this.page.addInitScript(() =>
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`content security policy: ${violatedDirective} forbids ${blockedURI}`),
      ),
    );
    await this.context.route('**/*', (route) => {
      const url = route.request().url();
      if (new URL(url).origin === new URL(this.server).origin) return route.fallback();
      problem(`request to another host: ${url}`);
      return route.abort();
    });
  }

  /** Opens the page with these parameters in its URL. @param {Record<string, string>} [parameters] */
  async open(parameters = {}) {
    const query = new URLSearchParams(parameters).toString();
    await this.page.goto(`${this.server}/${query && `?${query}`}`);
    await this.query.waitFor();
  }

  get query() {
    return this.page.getByRole('combobox', { name: 'Query' });
  }

  get grid() {
    return this.page.getByRole('grid', { name: 'Log entries' });
  }

  get panel() {
    return this.page.getByRole('complementary', { name: 'Log entry' });
  }

  /** The rows in the document; those that are scrolled out of sight are not. */
  get rows() {
    return this.grid.locator('[data-id]');
  }

  /** @param {string} name */
  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** Searches for a query that is typed. @param {string} query */
  async search(query) {
    await this.query.fill(query);
    await this.query.press('Enter');
  }

  /** Waits until the list has this number of rows. @param {number} count */
  async hasRows(count) {
    await eventually(async () => assert.equal(await this.rowCount(), count));
  }

  /** The number of rows, without the head. It is unknown while more rows can be loaded. */
  async rowCount() {
    if ((await this.grid.count()) === 0) return 0;
    const rows = Number(await this.grid.getAttribute('aria-rowcount'));
    return rows < 0 ? Infinity : rows - 1;
  }

  /** The messages of the rows in the document. */
  messages() {
    return this.rows.locator('.message').allTextContents();
  }

  /** The parameters in the page's URL. */
  parameters() {
    return Object.fromEntries(new URL(this.page.url()).searchParams);
  }

  clipboard() {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Saves a picture to the folder SCREENSHOTS, if it is set. @param {string} name */
  async picture(name) {
    if (!process.env.SCREENSHOTS) return;
    await this.page.mouse.move(0, 0);
    await this.page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` });
  }
}

/** Repeats assertions until they hold. @param {() => Promise<void>} assertions @param {number} [timeoutMs] */
export async function eventually(assertions, timeoutMs = TIMEOUT_MS) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await assertions();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
