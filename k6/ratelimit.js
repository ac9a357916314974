// Sends far more requests than one client's rate limit allows. Usage: k6 run -e BASE_URL=http://127.0.0.1 k6/ratelimit.js
// A bucket of 100 tokens that refills at 50/s allows 1,600 of 12,000 requests: 13 %.
import { check } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { ping } from './api.js';

const allowed = new Counter('allowed');
const limited = new Counter('limited');

// Without this, k6 counts each 429 as a failed request.
http.setResponseCallback(http.expectedStatuses(200, 429));

export const options = {
  scenarios: {
    flood: { executor: 'constant-arrival-rate', rate: 400, timeUnit: '1s', duration: '30s', preAllocatedVUs: 50, maxVUs: 400 },
  },
  thresholds: { checks: ['rate==1'] },
};

export default function () {
  const response = ping();
  if (response.status === 200) allowed.add(1);
  if (response.status === 429) limited.add(1);
  check(response, {
    'is 200 or 429': ({ status }) => status === 200 || status === 429,
    'a 429 has Retry-After': ({ status, headers }) => status !== 429 || Number(headers['Retry-After']) > 0,
  });
}

export function handleSummary({ metrics }) {
  const count = (name) => metrics[name]?.values.count || 0;
  const [allowedCount, limitedCount] = [count('allowed'), count('limited')];
  const share = (part) => `${part} (${((100 * part) / (allowedCount + limitedCount)).toFixed(1)} %)`;
  const passed = metrics.checks.values.passes, failed = metrics.checks.values.fails;
  return { stdout: `allowed ${share(allowedCount)}, limited ${share(limitedCount)}; checks: ${passed} passed, ${failed} failed\n` };
}
