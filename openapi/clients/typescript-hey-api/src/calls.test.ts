import assert from "node:assert/strict";
import { test } from "node:test";
import { getLog, saveLog, saveLogs, saveLogsNdjson, searchLogs } from "./generated/sdk.gen.js";
import type { NewLogEntry, SearchLogsData } from "./generated/types.gen.js";
import { clientOf, data, uniqueWord, until } from "./support.js";

const client = clientOf("LOGPULSE_URL");
const service_name = "payment";

const search = async (query: SearchLogsData["query"]) => data(await searchLogs({ client, query }));

test("saves one entry and gets it", async () => {
  const entry: NewLogEntry = { service_name, level: "error", message: "card declined", attributes: { order: 4711 } };
  const saved = data(await saveLog({ client, body: entry }));
  assert.equal(saved.message, "Log saved");

  const stored = data(await getLog({ client, path: { id: saved.id }, headers: { Prefer: "wait=10" } }));
  const { timestamp, ...rest } = stored;
  assert.deepEqual(rest, { ...entry, id: saved.id, level: "ERROR" });
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000, timestamp);
});

test("saves a batch and reports the bad entry", async () => {
  const version4 = "936da01f-9abd-4d9d-80c7-02af85c822a8";
  const batch = data(
    await saveLogs({
      client,
      query: { ids: true },
      body: [
        { service_name, message: "first" },
        { service_name, message: "second", id: version4 },
        { service_name, message: "third" },
      ],
    }),
  );
  assert.equal(batch.accepted, 2);
  assert.equal(batch.rejected, 1);
  assert.deepEqual(batch.errors, [{ line: 2, detail: "id: must be a UUIDv7" }]);
  assert.deepEqual(batch.ids?.map((id) => id?.length), [36, undefined, 36]);
});

test("saves NDJSON", async () => {
  const lines = [{ service_name, message: "first" }, { service_name }].map((line) => JSON.stringify(line)).join("\n");
  const batch = data(await saveLogsNdjson({ client, query: { ids: true }, body: new Blob([lines]) }));
  assert.equal(batch.accepted, 1);
  assert.equal(batch.rejected, 1);
  assert.deepEqual(batch.errors, [{ line: 2, detail: "message: is required" }]);
  assert.deepEqual(batch.ids?.map((id) => id?.length), [36, undefined]);
});

test("searches by words and two levels", async () => {
  const word = uniqueWord();
  const body = ["error", "warn", "info"].map((level) => ({ service_name, level, message: `${word} ${level}` }));
  assert.equal(data(await saveLogs({ client, body })).accepted, 3);

  const page = await until(
    () => search({ q: word, level: ["ERROR", "WARN"], service_name: [service_name], sort: "oldest" }),
    (page) => page.total === 2,
  );
  assert.deepEqual(page.data.map(({ level, message }) => [level, message]), [
    ["ERROR", `${word} error`],
    ["WARN", `${word} warn`],
  ]);
});

test("pages through all hits", async () => {
  const word = uniqueWord();
  const body = [1, 2, 3, 4, 5].map((number) => ({ service_name, message: `${word} ${number}` }));
  assert.equal(data(await saveLogs({ client, body })).accepted, 5);
  await until(
    () => search({ q: word }),
    (page) => page.total === 5,
  );

  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await search({ q: word, sort: "oldest", limit: 2, cursor });
    pages.push(page.data.map(({ message }) => message.slice(word.length + 1)));
    cursor = page.next_cursor;
  } while (cursor);
  assert.deepEqual(pages, [["1", "2"], ["3", "4"], ["5"]]);
});
