// README
import createClient from "openapi-fetch";
import type { paths } from "./generated/logpulse.js";

const logpulse = createClient<paths>({ baseUrl: process.env.LOGPULSE_URL ?? "http://127.0.0.1:8080" });

const saved = await logpulse.POST("/logs", {
  body: { service_name: "payment", level: "ERROR", message: "card declined", attributes: { order: 4711 } },
});
if (saved.error) throw new Error(saved.error.detail);
console.log("saved", saved.data.id);

const found = await logpulse.GET("/logs/search", {
  params: { query: { q: "card declined", level: ["ERROR", "FATAL"] } },
});
console.log("found", found.data?.total);

const missing = await logpulse.GET("/logs/{id}", {
  params: { path: { id: "00000000-0000-7000-8000-000000000000" } },
});
if (missing.error) console.log(missing.error.status, missing.error.detail);
// end
