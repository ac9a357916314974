#!/usr/bin/env node
// Writes page/vendor: the page's libraries, each as one ES module, from the packages that package-lock.json pins.
// With --check, it compares the files with those that it would write.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/**
 * @typedef {object} Module
 * @property {string} file the name in page/vendor
 * @property {string} package the npm package
 * @property {string} source the file of the package
 * @property {string} [types] the package's type declarations
 * @property {(path: string) => string} [read] reads the source; by default, unchanged
 */

const CHECKS = fileURLToPath(new URL('.', import.meta.url));
const VENDOR = fileURLToPath(new URL('../page/vendor', import.meta.url));

/** @type {Module[]} */
const MODULES = [
  { file: 'preact.js', package: 'preact', source: 'dist/preact.mjs', types: 'src/index.js' },
  { file: 'hooks.js', package: 'preact', source: 'hooks/dist/hooks.mjs', types: 'hooks/src/index.js' },
  { file: 'htm.js', package: 'htm', source: 'dist/htm.module.js', types: 'dist/htm.js' },
  { file: 'virtual-core.js', package: '@tanstack/virtual-core', source: 'dist/esm/index.js', types: 'dist/esm/index.js', read: bundle },
  { file: 'uplot.js', package: 'uplot', source: 'dist/uPlot.iife.min.js', types: 'dist/uPlot.js', read: exportUplot },
];

/**
 * The files that replace the packages which others import.
 * @type {Record<string, string>}
 */
const IMPORTS = { preact: './preact.js' };

const { packages } = JSON.parse(readText(join(CHECKS, 'package-lock.json')));
const files = build();
if (process.argv.includes('--check')) check();
else write();

/** Returns the content of each file by its name. */
function build() {
  /** @type {Map<string, string>} */
  const built = new Map();
  const modules = [];
  for (const { file, package: name, source, types, read = readText } of MODULES) {
    const folder = `node_modules/${name}`;
    const { version, integrity, license } = packages[folder];
    const text = withoutSourceMap(withLocalImports(read(join(CHECKS, folder, source))));
    const licenseFile = `${name.replace(/^@/, '').replace('/', '-')}-LICENSE.txt`;
    built.set(file, text);
    built.set(licenseFile, readText(join(CHECKS, folder, 'LICENSE')));
    const typesFile = types && file.replace(/\.js$/, '.d.ts');
    if (typesFile) built.set(typesFile, declarations(`../../checks/${folder}/${types}`, text));
    const sha256 = createHash('sha256').update(text).digest('hex');
    modules.push({ file, package: name, version, source, license, licenseFile, typesFile, integrity, sha256 });
  }
  return built.set('modules.json', `${JSON.stringify(modules, null, 2)}\n`);
}

/** @param {string} path */
function readText(path) {
  return readFileSync(path, 'utf8');
}

/**
 * Joins the modules of a package that is published as several, not minified, without what the page does not use.
 * @param {string} path
 */
function bundle(path) {
  const names = 'elementScroll, observeElementOffset, observeElementRect, Virtualizer';
  const { outputFiles } = buildSync({
    stdin: { contents: `export { ${names} } from ${JSON.stringify(path)}`, resolveDir: CHECKS },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles.map(({ text }) => text).join('');
}

/**
 * Turns the minified build of uPlot, a script that declares one variable, into a module.
 * @param {string} path
 */
function exportUplot(path) {
  return `${readText(path).trimEnd()}\nexport default uPlot;\n`;
}

/** @param {string} text */
function withLocalImports(text) {
  return text.replace(/\b(from|import)\s*"([^"./][^"]*)"/g, (_, keyword, name) => {
    if (!IMPORTS[name]) throw new Error(`no file replaces the import of ${name}`);
    return `${keyword}"${IMPORTS[name]}"`;
  });
}

/** @param {string} text */
function withoutSourceMap(text) {
  return text.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n');
}

/**
 * Refers to the package's declarations, so that the module has its types.
 * @param {string} path
 * @param {string} text
 */
function declarations(path, text) {
  const names = /\bexport default\b|\bas default\b/.test(text) ? '{ default }' : '*';
  return `export ${names} from '${path}'\n`;
}

function write() {
  rmSync(VENDOR, { recursive: true, force: true });
  mkdirSync(VENDOR, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(VENDOR, file), text);
}

function check() {
  const names = new Set([...files.keys(), ...readdirSync(VENDOR)]);
  const different = [...names].filter((name) => !isSame(name));
  if (different.length === 0) return;
  console.error(`different in page/vendor: ${different.join(', ')}; run functions/explorer/checks/vendor.mjs`);
  process.exitCode = 1;
}

/** @param {string} name */
function isSame(name) {
  const path = join(VENDOR, name);
  return existsSync(path) && files.get(name) === readText(path);
}
