// The page's scripts and styles, as they are served.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { transformSync } from '../../checks/node_modules/esbuild/lib/main.js';
import { URL_UNDER_TEST } from './explorer.mjs';

const SOURCES = new URL('../../page/', import.meta.url);

/** Code in one form, whatever its comments and spaces. @param {string} code @param {'js' | 'css'} loader */
const normal = (code, loader) => transformSync(code.replace(/^ +/gm, ''), { minify: true, loader }).code;

/** @param {string} path */
const source = (path) => readFileSync(new URL(path, SOURCES), 'utf8');

/** The URL of the folder with the served files. */
async function served() {
  const page = await fetch(`${URL_UNDER_TEST}/`, { headers: { accept: 'text/html' } });
  return `${URL_UNDER_TEST}/${/src="(explorer\/(?:\w+\/)?)app\.js"/.exec(await page.text())?.[1]}`;
}

test('styles without spaces mean what their sources mean', async () => {
  const paths = Array.from(source('index.html').matchAll(/href="explorer\/(styles\/\w+\.css)"/g), ([, path]) => path);
  assert.ok(paths.length > 5);
  const styles = await fetch(`${await served()}styles.css`);
  // esbuild keeps the spaces in values of variables.
  const variables = (/** @type {string} */ css) => css.replace(/([:,]) /g, '$1');
  const [actual, expected] = [await styles.text(), paths.map(source).join('\n')].map((css) => variables(normal(css, 'css')));
  assert.ok(actual === expected);
});

test('scripts without spaces mean what their sources mean', async () => {
  const folder = await served();
  const scripts = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'));
  assert.ok(scripts.length > 30);
  for (const path of scripts) {
    const script = await fetch(`${folder}${path}`);
    assert.ok(normal(await script.text(), 'js') === normal(source(path), 'js'), path);
  }
});
