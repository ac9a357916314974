// Opens Swagger UI in headless Chromium and executes every operation with the values that the page provides.
// SCREENSHOT=path saves a screenshot; OPENAPI=path loads another document.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const BASE_URL = process.env.LOGPULSE_URL
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const TIMEOUT_MS = 10_000
// Smaller files may be sent uncompressed.
const MIN_COMPRESSED_BYTES = 1024

let browser, page, operations, parameters
const executed = new Set()
const responses = []
const externalRequests = []
const messages = []

before(async () => {
  const executablePath = BROWSERS.find(existsSync)
  assert.ok(executablePath, 'Chromium is not installed: apt-get install chromium')
  browser = await chromium.launch({ executablePath })
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  page.setDefaultTimeout(TIMEOUT_MS)
  page.on('response', response => responses.push(response))
  page.on('console', message => messages.push({ text: message.text(), url: message.location().url }))
  page.on('pageerror', error => messages.push({ text: String(error), url: page.url() }))
  await page.addInitScript(() => addEventListener('securitypolicyviolation', event =>
    console.error(`content security policy: ${event.violatedDirective} forbids ${event.blockedURI}`)))
  await page.route('**/*', allowOnlyLogPulse)
  if (process.env.OPENAPI) await page.route('**/openapi.json', route => route.fulfill({ path: process.env.OPENAPI }))
  await page.goto(`${BASE_URL}/docs/`)
  await page.locator('.opblock').first().waitFor()

  const { paths, components } = await responses.find(response => response.url().endsWith('/openapi.json')).json()
  parameters = components.parameters
  const all = Object.values(paths).flatMap(path => Object.values(path))
  operations = new Map(all.map(operation => [operation.operationId, operation]))
})

afterEach(async () => {
  // The last one first, because the locators are numbered.
  const open = await page.locator('.opblock.is-open .opblock-summary-control').all()
  for (const summary of open.reverse()) await summary.click()
})

after(() => browser?.close())

test('the title contains LogPulse', async () => {
  assert.match(await page.title(), /LogPulse/)
})

test('the page, its files and the document are compressed', async () => {
  const loaded = responses.filter(response => response.request().resourceType() !== 'image')
  assert.ok(loaded.some(response => response.url().endsWith('/openapi.json')))
  const uncompressed = []
  for (const response of loaded) {
    const isSmall = (await response.body()).length < MIN_COMPRESSED_BYTES
    const { 'content-encoding': encoding } = await response.allHeaders()
    if (!isSmall && !encoding) uncompressed.push(response.url())
  }
  assert.deepEqual(uncompressed, [])
})

// Executes an operation with its example, chosen as a file.
async function executeWithFile(operationId) {
  const input = (await open(operationId)).locator('input[type=file]')
  const buffer = Buffer.from(bodyExample(operationId))
  await input.setInputFiles({ name: 'example', mimeType: 'application/octet-stream', buffer })
  return execute(operationId)
}

let savedId

test('saveLog saves its example', async () => {
  const { status, body } = await execute('saveLog')
  assert.equal(status, 201)
  assert.equal(body.message, 'Log saved')
  savedId = body.id
})

test('saveLogs saves its example', async () => {
  const { status, body } = await execute('saveLogs')
  assert.equal(status, 201)
  assert.equal(body.accepted, bodyExample('saveLogs').length)
  assert.deepEqual([body.rejected, body.errors], [0, []])
})

test('saveLogsNdjson saves its example, chosen as a file', async () => {
  const { status, body } = await executeWithFile('saveLogsNdjson')
  assert.equal(status, 201)
  assert.equal(body.accepted, bodyExample('saveLogsNdjson').trim().split('\n').length)
  assert.deepEqual([body.rejected, body.errors], [0, []])
})

test('saveAnyLogs saves its example, chosen as a file', async () => {
  const { status, body } = await executeWithFile('saveAnyLogs')
  assert.deepEqual([status, body], [200, { accepted: 1, rejected: 0, errors: [] }])
})

test('saveDocuments saves its example, chosen as a file', async () => {
  const { status, body } = await executeWithFile('saveDocuments')
  assert.deepEqual([status, body.errors, body.items.length], [200, false, 1])
})

test('pushLokiLogs saves its example, chosen as a file', async () => {
  const { status, text } = await executeWithFile('pushLokiLogs')
  assert.deepEqual([status, text], [204, ''])
})

test('exportLogs saves its example', async () => {
  const { status, body } = await execute('exportLogs')
  assert.deepEqual([status, body], [200, {}])
})

test('searchLogs finds the saved entry', async () => {
  const deadline = Date.now() + TIMEOUT_MS
  let found
  do {
    const { status, body } = await execute('searchLogs')
    assert.equal(status, 200)
    found = body.data.find(entry => entry.id === savedId)
  } while (!found && Date.now() < deadline)
  assert.deepEqual(found, { id: savedId, ...bodyExample('saveLog') })
})

test('getLog returns the saved entry', async () => {
  const id = (await open('getLog')).locator('tr[data-param-name=id] input')
  const idExample = await id.inputValue()
  await id.fill(savedId)
  const { status, body } = await execute('getLog')
  if (process.env.SCREENSHOT) await takeScreenshot(process.env.SCREENSHOT)
  await id.fill(idExample)
  assert.equal(status, 200)
  assert.deepEqual(body, { id: savedId, ...bodyExample('saveLog') })
})

test('getLog returns 404 for its example id', async () => {
  const { status, body } = await execute('getLog')
  assert.equal(status, 404)
  assert.deepEqual([body.status, body.detail], [404, 'no log entry has this id'])
})

test('getLogContext returns the saved entry', async () => {
  const id = (await open('getLogContext')).locator('tr[data-param-name=id] input')
  await id.fill(savedId)
  const { status, body } = await execute('getLogContext')
  assert.deepEqual([status, body.data[body.position]], [200, { id: savedId, ...bodyExample('saveLog') }])
})

test('exportEntries returns the saved entry', async () => {
  const { status, text } = await execute('exportEntries')
  assert.equal(status, 200)
  assert.ok(text.includes(savedId))
})

test('tailLogs sends the saved entry', { timeout: TIMEOUT_MS }, async () => {
  const block = await open('tailLogs')
  // Swagger UI shows NDJSON below the words "can't parse JSON".
  await block.locator('.response-control-media-type--accept-controller select').selectOption('text/event-stream')
  for (const [name, value] of Object.entries({ from: '-1h', limit: '1', sample: '' })) {
    await block.locator(`tr[data-param-name=${name}] input`).fill(value)
  }
  const { status, text } = await execute('tailLogs')
  assert.equal(status, 200)
  const data = text.split('\n').filter(line => line.startsWith('data: ')).map(line => JSON.parse(line.slice(6)))
  assert.deepEqual(data, [{ id: savedId, ...bodyExample('saveLog') }, { reason: 'limit' }])
})

for (const [operationId, list] of [
  ['getLogStats', 'series'],
  ['listLogPatterns', 'patterns'],
  ['listLogFields', 'fields'],
]) {
  test(`${operationId} counts the saved entry`, async () => {
    const { status, body } = await execute(operationId)
    assert.equal(status, 200)
    assert.ok(body.total > 0 && body[list].length > 0, JSON.stringify(body))
  })
}

for (const [operationId, expected] of [
  ['ping', /^\{"message":"pong"\}$/],
  ['getLiveness', /^\{"status":"alive"\}$/],
  ['getReadiness', /^\{"status":"ready","ports":\[.+\]\}$/],
  ['getMetrics', /^# TYPE http_requests_total counter$/m],
]) {
  test(`${operationId} returns 200`, async () => {
    const { status, text } = await execute(operationId)
    assert.equal(status, 200)
    assert.match(text, expected)
  })
}

test('deleteLogs counts the entries of its example', async () => {
  const { status, body } = await execute('deleteLogs')
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(body), ['matched'])
})

test('getDeletion returns the job of deleteLogs', async () => {
  await (await open('deleteLogs')).locator('tr[data-param-name=dry_run] select').selectOption('false')
  const { status, body } = await execute('deleteLogs')
  assert.equal(status, 202)
  await (await open('getDeletion')).locator('tr[data-param-name=id] input').fill(body.id)
  const job = await execute('getDeletion')
  assert.deepEqual([job.status, job.body.id], [200, body.id])
})

test('deleteLog deletes the saved entry', async () => {
  await (await open('deleteLog')).locator('tr[data-param-name=id] input').fill(savedId)
  const { status } = await execute('deleteLog')
  assert.equal(status, 204)
})

test('every operation was executed', () => {
  assert.deepEqual([...executed].sort(), [...operations.keys()].sort())
})

test('the page makes no requests to other servers', () => {
  assert.deepEqual(externalRequests, [])
})

test('the console reports only the 404 from getLog', () => {
  const reports = messages.map(({ text, url }) => `${text} ${new URL(url).pathname}`)
  const { example } = parameters.Id
  assert.deepEqual(reports, [
    `Failed to load resource: the server responded with a status of 404 (Not Found) /logs/${example}`,
  ])
})

function allowOnlyLogPulse(route) {
  const url = route.request().url()
  if (new URL(url).origin === BASE_URL) return route.continue()
  externalRequests.push(url)
  return route.abort()
}

// Takes a screenshot of the page, from the first operation to the response of the open one.
async function takeScreenshot(path) {
  await page.mouse.move(0, 0)
  await page.evaluate(() => scrollTo(0, 0))
  const { x, y, width } = await page.locator('.opblock-tag-section').first().boundingBox()
  const response = await page.locator('.opblock.is-open .live-responses-table .response').first().boundingBox()
  const clip = { x: 0, y, width: width + 2 * x, height: response.y + response.height - y }
  await page.screenshot({ path, clip, fullPage: true })
}

// Returns the first example of the operation's request body.
function bodyExample(operationId) {
  const [{ example, examples }] = Object.values(operations.get(operationId).requestBody.content)
  return example ?? Object.values(examples)[0].value
}

// Expands the operation and returns its block on the page.
async function open(operationId) {
  const block = page.locator(`.opblock[id$="-${operationId}"]`)
  if (!await block.locator('.opblock-body').isVisible()) await block.locator('.opblock-summary-control').click()
  return block
}

// Clicks "Execute", checks that the page shows the response, and returns it.
async function execute(operationId) {
  const block = await open(operationId)
  const clear = block.locator('.btn-clear')
  if (await clear.isVisible()) await clear.click()
  const [response] = await Promise.all([
    page.waitForResponse(response => response.request().resourceType() === 'fetch'),
    block.locator('.execute').click(),
  ])
  executed.add(operationId)
  const text = (await response.text()).trim()
  const isJson = /[/+]json/.test(await response.headerValue('content-type'))
  const body = isJson ? JSON.parse(text) : text

  const shownResponse = block.locator('.live-responses-table tbody .response').first()
  await shownResponse.locator('.response-col_status', { hasText: response.status() }).waitFor()
  if (response.status() === 204) return { status: 204, text, body }
  if (await response.headerValue('content-disposition')) {
    await shownResponse.locator('a[download]').waitFor()
    return { status: response.status(), text, body }
  }
  const shownText = await shownResponse.locator('.response-col_description code').first().textContent()
  assert.deepEqual(isJson ? JSON.parse(shownText) : shownText.trim(), body)
  return { status: response.status(), text, body }
}
