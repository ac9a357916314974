import { client } from "./generated/client.gen.js";
import { getLog, saveLog, searchLogs } from "./generated/sdk.gen.js";

client.setConfig({ baseUrl: process.env.LOGPULSE_URL ?? "http://127.0.0.1:8080" });

const saved = await saveLog({
  body: { service_name: "payment", level: "ERROR", message: "card declined", attributes: { order: 4711 } },
});
if (!saved.data) throw new Error(saved.error.detail);
console.log("saved", saved.data.id);

const found = await searchLogs({ query: { q: "card declined", level: ["ERROR", "FATAL"] } });
console.log("found", found.data?.total);

const missing = await getLog({ path: { id: "00000000-0000-7000-8000-000000000000" } });
if (missing.error) console.log(missing.error.status, missing.error.detail);
