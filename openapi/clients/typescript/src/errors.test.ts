import assert from "node:assert/strict";
import { test } from "node:test";
import { client, until } from "./support.js";

test("400 names the field", async () => {
  const { error, response } = await client("LOGPULSE_URL").POST("/logs", {
    body: { service_name: "payment", message: "card declined", id: "936da01f-9abd-4d9d-80c7-02af85c822a8" },
  });
  assert.equal(response.status, 400);
  assert.equal(error?.title, "Bad Request");
  assert.deepEqual(error?.errors, [{ field: "id", detail: "must be a UUIDv7" }]);
});

test("404 is a problem", async () => {
  const { error } = await client("LOGPULSE_URL").GET("/logs/{id}", {
    params: { path: { id: "00000000-0000-7000-8000-000000000000" } },
  });
  assert.equal(error?.status, 404);
  assert.equal(error?.title, "Not Found");
  assert.equal(error?.type, "about:blank");
});

test("429 has Retry-After", async () => {
  const logpulse = client("LOGPULSE_LIMITED_URL");
  const { error, response } = await until(
    () => logpulse.GET("/ping"),
    ({ response }) => response.status === 429,
  );
  assert.equal(error?.status, 429);
  assert.equal(error?.title, "Too Many Requests");
  assert.equal(response.headers.get("Retry-After"), "1");
});
