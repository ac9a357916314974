// The page's scripts, as they are served.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { transformSync } from '../../checks/node_modules/esbuild/lib/main.js';
import { URL_UNDER_TEST } from './explorer.mjs';

const SOURCES = new URL('../../page/', import.meta.url);

/** A script in one form, whatever its comments and spaces. @param {string} script */
const normal = (script) => transformSync(script.replace(/^ +/gm, ''), { minify: true }).code;

test('scripts without spaces mean what their sources mean', async () => {
  const page = await fetch(`${URL_UNDER_TEST}/`, { headers: { accept: 'text/html' } });
  const folder = /src="(explorer\/(?:\w+\/)?)app\.js"/.exec(await page.text())?.[1];
  const scripts = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'));
  assert.ok(scripts.length > 30);
  for (const path of scripts) {
    const served = await fetch(`${URL_UNDER_TEST}/${folder}${path}`);
    assert.ok(normal(await served.text()) === normal(readFileSync(new URL(path, SOURCES), 'utf8')), path);
  }
});
