#!/usr/bin/env node
// Writes page/vendor: the page's libraries, each as one ES module, from the packages that package-lock.json pins.
// With --check, it compares the files with those that it would write.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const CHECKS = fileURLToPath(new URL('.', import.meta.url))
const VENDOR = fileURLToPath(new URL('../page/vendor', import.meta.url))

const MODULES = [
  { file: 'preact.js', package: 'preact', source: 'dist/preact.mjs' },
  { file: 'hooks.js', package: 'preact', source: 'hooks/dist/hooks.mjs' },
  { file: 'htm.js', package: 'htm', source: 'dist/htm.module.js' },
  { file: 'signals-core.js', package: '@preact/signals-core', source: 'dist/signals-core.mjs' },
  { file: 'signals.js', package: '@preact/signals', source: 'dist/signals.mjs' },
  { file: 'virtual-core.js', package: '@tanstack/virtual-core', source: 'dist/esm/index.js', read: bundle },
  { file: 'uplot.js', package: 'uplot', source: 'dist/uPlot.iife.min.js', read: exportUplot },
  { file: 'uplot.css', package: 'uplot', source: 'dist/uPlot.min.css' },
]

// The packages' names for each other, and the files that replace them.
const IMPORTS = {
  preact: './preact.js',
  'preact/hooks': './hooks.js',
  '@preact/signals-core': './signals-core.js',
}

const lock = JSON.parse(readFileSync(join(CHECKS, 'package-lock.json'), 'utf8')).packages
const files = build()
if (process.argv.includes('--check')) check()
else write()

// Returns the content of each file by its name.
function build() {
  const built = new Map()
  const modules = []
  for (const { file, package: name, source, read = readText } of MODULES) {
    const folder = `node_modules/${name}`
    const { version, integrity, license } = lock[folder]
    const text = withoutSourceMap(withLocalImports(read(join(CHECKS, folder, source))))
    const licenseFile = `${name.replace(/^@/, '').replace('/', '-')}-LICENSE.txt`
    built.set(file, text)
    built.set(licenseFile, readText(join(CHECKS, folder, 'LICENSE')))
    const sha256 = createHash('sha256').update(text).digest('hex')
    modules.push({ file, package: name, version, source, license, licenseFile, integrity, sha256 })
  }
  built.set('modules.json', `${JSON.stringify(modules, null, 2)}\n`)
  return built
}

function readText(path) {
  return readFileSync(path, 'utf8')
}

// This package is published as several modules, not minified.
function bundle(path) {
  const { outputFiles } = buildSync({
    entryPoints: [path],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
  })
  return outputFiles[0].text
}

// The minified build of uPlot is a script that declares one variable.
function exportUplot(path) {
  return `${readText(path).trimEnd()}\nexport default uPlot;\n`
}

function withLocalImports(text) {
  return text.replace(/\b(from|import)\s*"([^"./][^"]*)"/g, (_, keyword, name) => {
    if (!IMPORTS[name]) throw new Error(`no file replaces the import of ${name}`)
    return `${keyword}"${IMPORTS[name]}"`
  })
}

function withoutSourceMap(text) {
  return text.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n')
}

function write() {
  rmSync(VENDOR, { recursive: true, force: true })
  mkdirSync(VENDOR, { recursive: true })
  for (const [file, text] of files) writeFileSync(join(VENDOR, file), text)
}

function check() {
  const names = new Set([...files.keys(), ...readdirSync(VENDOR)])
  const different = [...names].filter(name => !isSame(name))
  if (different.length === 0) return
  console.error(`different in page/vendor: ${different.join(', ')}; run functions/explorer/checks/vendor.mjs`)
  process.exitCode = 1
}

function isSame(name) {
  const path = join(VENDOR, name)
  return existsSync(path) && files.get(name) === readText(path)
}
