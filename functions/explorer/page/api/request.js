// Requests to LogPulse, and what can go wrong with them.

/**
 * @typedef {{ field: string, detail: string, position?: number }} FieldError
 * @typedef {'invalid' | 'missing' | 'busy' | 'unavailable' | 'failed' | 'unreachable'} FailureKind
 */

export class Failure extends Error {
  /**
   * @param {FailureKind} kind @param {string} detail
   * @param {{ status?: number, errors?: FieldError[], retryAfter?: number }} [more] `retryAfter` in seconds
   */
  constructor(kind, detail, more = {}) {
    super(detail);
    this.kind = kind;
    this.status = more.status;
    this.errors = more.errors ?? [];
    this.retryAfter = more.retryAfter;
  }
}

/** @typedef {Record<string, string | number | boolean | undefined>} Params */

/** A URL relative to the page, so that LogPulse works below a path of a proxy. @param {string} path @param {Params} params */
export function url(path, params) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params))
    if (value !== undefined && value !== '' && value !== false) query.set(name, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @param {string} target @param {RequestInit} [init]
 * @returns {Promise<any>} the JSON of a response
 */
export async function json(target, init) {
  const response = await send(target, init);
  return parse(await response.text().catch(unreachable));
}

const LONG_NUMBER = /[:[,] ?-?\d{16}/;

/** JSON with whole numbers of any length: those that a number cannot hold become a BigInt. @param {string} text */
export function parse(text) {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  const exact = (/** @type {string} */ _, /** @type {unknown} */ value, /** @type {{ source?: string }} */ { source = '' } = {}) =>
    /^-?\d{16,}$/.test(source) && typeof value === 'number' ? BigInt(source) : value;
  return JSON.parse(text, /** @type {(key: string, value: unknown) => unknown} */ (exact));
}

/**
 * @param {string} target @param {RequestInit} [init]
 * @returns {Promise<Response>} a response that is a success
 */
export async function send(target, init) {
  const response = await fetch(target, init).catch(unreachable);
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** @param {unknown} error @returns {never} */
function unreachable(error) {
  throw isAbort(error) ? error : new Failure('unreachable', 'The server cannot be reached.');
}

/** @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === 'AbortError';

/** @param {Response} response */
async function failureOf(response) {
  const problem = await response.json().catch((error) => (isAbort(error) ? unreachable(error) : {}));
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const detail = problem.detail ?? `The server answered ${response.status} ${response.statusText}.`;
  return new Failure(kindOf(response.status), detail, {
    status: response.status,
    errors: problem.errors,
    // Without a delay, the page would repeat the request in a loop.
    retryAfter: Number.isNaN(seconds) ? undefined : Math.max(seconds, 1),
  });
}

/** @param {number} status @returns {FailureKind} */
function kindOf(status) {
  if (status === 404) return 'missing';
  if (status === 429) return 'busy';
  if (status === 502 || status === 503 || status === 504) return 'unavailable';
  return status >= 500 ? 'failed' : 'invalid';
}
