import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  exportEntries,
  getLogContext,
  getLogStats,
  listLogFields,
  listLogPatterns,
  saveLogs,
  searchLogs,
  tailLogs,
} from "./generated/sdk.gen.js";
import type { NewLogEntry } from "./generated/types.gen.js";
import { clientOf, data, uniqueWord, until } from "./support.js";

const client = clientOf("LOGPULSE_URL");
const service_name = uniqueWord();
const query = { service_name: [service_name], from: "2024-06-14T12:00:00Z", to: "2024-06-14T12:03:00Z" };
let ids: (string | null)[] = [];

/** Saves three orders, none of them in the second of the three minutes. */
before(async () => {
  const order = (number: number, level: string, time: string, ms: number): NewLogEntry => ({
    service_name,
    level,
    message: `order ${number} paid`,
    timestamp: `2024-06-14T${time}Z`,
    attributes: { ms },
  });
  const body = [order(1, "info", "12:00:10", 10), order(2, "error", "12:00:20", 30), order(3, "info", "12:02:00", 20)];
  const batch = data(await saveLogs({ client, query: { ids: true }, body }));
  ids = batch.ids ?? [];
  const page = await until(
    async () => data(await searchLogs({ client, query })),
    (page) => page.total === 3,
  );
  assert.equal(page.total, 3);
});

test("measures the average per minute and level", async () => {
  const measured = { ...query, interval: "1m", measure: "avg:attributes.ms", by: "level", top: ["level"] };
  const stats = data(await getLogStats({ client, query: measured }));
  assert.equal(stats.total, 3);
  assert.deepEqual(
    stats.buckets.map((start) => start.slice(11, 16)),
    ["12:00", "12:01", "12:02"],
  );
  const series: typeof stats.series = [
    { by: { level: "INFO" }, values: [10, null, 20], total: 15 },
    { by: { level: "ERROR" }, values: [30, null, null], total: 30 },
  ];
  assert.deepEqual(stats.series, series);
  assert.deepEqual(stats.top?.level?.values, [
    { value: "INFO", count: 2 },
    { value: "ERROR", count: 1 },
  ]);
});

test("groups entries by pattern", async () => {
  const found = data(await listLogPatterns({ client, query }));
  assert.deepEqual(
    found.patterns.map(({ template, count }) => [template, count]),
    [["order <number> paid", 3]],
  );
  const sparkline = found.patterns[0]?.sparkline ?? [];
  assert.equal(sparkline.length, 30);
  assert.equal(
    sparkline.reduce((sum, count) => sum + count, 0),
    3,
  );
});

test("lists fields with their values", async () => {
  const { fields } = data(await listLogFields({ client, query: { ...query, values: 1 } }));
  assert.deepEqual(
    fields.map(({ name, types, share, values }) => [name, types, share, values]),
    [
      ["level", ["string"], 1, [{ value: "INFO", count: 2 }]],
      ["service_name", ["string"], 1, [{ value: service_name, count: 3 }]],
      ["attributes.ms", ["number"], 1, [{ value: "10", count: 1 }]],
    ],
  );
});

test("gets the entries before and after an entry", async () => {
  const id = ids[1] ?? "";
  const context = data(await getLogContext({ client, path: { id }, query: { before: 1, after: 1 } }));
  assert.equal(context.position, 1);
  assert.deepEqual(
    context.data.map((entry) => entry.id),
    ids,
  );
});

test("exports NDJSON and CSV", async () => {
  const ndjson = data(await exportEntries({ client, query: { ...query, sort: "oldest" }, parseAs: "text" }));
  const lines = ndjson.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).id),
    ids,
  );

  const csv = data(await exportEntries({ client, query: { ...query, format: "csv" }, parseAs: "text" }));
  const rows = csv.trimEnd().split("\r\n");
  assert.equal(rows[0], "id,timestamp,level,service_name,message,trace_id,span_id,attributes");
  assert.equal(rows.length, 4);
});

test("tails the saved entries", async () => {
  const tail = { service_name: [service_name], from: "-5m", limit: ids.length };
  const options = { headers: { Accept: "application/x-ndjson" }, signal: AbortSignal.timeout(10_000) };
  const ndjson = data(await tailLogs({ client, query: tail, ...options, parseAs: "text" }));
  const lines = ndjson.trim().split("\n");
  assert.equal(lines.pop(), '{"event":"end","reason":"limit"}');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).id),
    ids,
  );
});
