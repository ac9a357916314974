import { createClient, createConfig } from "./generated/client/index.js";

/** Returns a client for the URL in an environment variable. */
export function clientOf(variable: "LOGPULSE_URL" | "LOGPULSE_LIMITED_URL") {
  const baseUrl = process.env[variable];
  if (!baseUrl) throw new Error(`${variable} is not set`);
  return createClient(createConfig({ baseUrl }));
}

/** Returns a word that no other entry contains. */
export function uniqueWord(): string {
  return `w${crypto.randomUUID().replaceAll("-", "")}`;
}

/** Repeats a call until `accepted` is true for its result, for at most ten seconds. */
export async function until<T>(call: () => Promise<T>, accepted: (result: T) => boolean): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const result = await call();
    if (accepted(result) || Date.now() > deadline) return result;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Returns the body of a successful response. Throws if the response is an error. */
export function data<T>(result: { data?: T; error?: { detail: string } }): T {
  if (result.data === undefined) throw new Error(result.error?.detail ?? "no data");
  return result.data;
}
