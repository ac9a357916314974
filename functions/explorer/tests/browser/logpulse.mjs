// Saves entries in LogPulse, and starts it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, TIMEOUT_MS, URL_UNDER_TEST } from './explorer.mjs';

/** The `logpulse` that tests start, if they may. */
export const BINARY = process.env.LOGPULSE ?? '';

/** A name that no other test and no earlier run uses. @param {string} name */
export function unique(name) {
  return `${name}-${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
}

/** @typedef {Record<string, unknown>} NewEntry */

/** Saves entries and returns their ids. @param {NewEntry[]} entries @param {string} [server] */
export async function save(entries, server = URL_UNDER_TEST) {
  for (;;) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${server}/logs/batch?ids=true`, { method: 'POST', headers, body: JSON.stringify(entries) });
    if (response.status === 429) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      continue;
    }
    assert.equal(response.status, 201);
    const { ids, errors } = await response.json();
    assert.deepEqual(errors, []);
    return /** @type {string[]} */ (ids);
  }
}

/** Waits until a query has this number of hits. @param {string} q @param {number} total @param {string} [server] @param {number} [timeoutMs] */
export async function searchable(q, total, server = URL_UNDER_TEST, timeoutMs = TIMEOUT_MS) {
  await eventually(async () => {
    const response = await fetch(`${server}/logs/stats?q=${encodeURIComponent(q)}`);
    assert.equal((await response.json()).total, total);
  }, timeoutMs);
}

/** A time in the past. @param {number} seconds */
export const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();

/** Standalone LogPulse with data of its own, which can be killed and started again. */
export class LogPulse {
  #folder = mkdtempSync(join(tmpdir(), 'explorer-'));
  #port = 0;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;

  static async start() {
    const logpulse = new LogPulse();
    logpulse.#port = await freePort();
    await logpulse.restart();
    return logpulse;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async restart() {
    const settings = { HOST: '127.0.0.1', PORT: String(this.#port), DATA_DIR: this.#folder, RATE_LIMIT_ENABLED: 'false' };
    this.#process = spawn(BINARY, { env: settings, stdio: 'ignore' });
    await eventually(async () => assert.equal((await fetch(`${this.url}/readyz`)).status, 200));
  }

  async kill() {
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
  }

  async remove() {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address && typeof address === 'object' ? address.port : 0));
    });
  });
}
