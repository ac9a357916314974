// The first minutes with a new LogPulse.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { explorerTest } from './explorer.mjs';
import { BINARY, LogPulse } from './logpulse.mjs';

const skip = BINARY === '';
/** @type {LogPulse} */
let logpulse;

before(async () => {
  if (!skip) logpulse = await LogPulse.start();
});
after(() => logpulse?.remove());

explorerTest(
  'without entries, the page shows how to send the first one, and sends it',
  async (explorer) => {
    explorer.server = logpulse.url;
    await explorer.open();
    await explorer.page.getByRole('heading', { name: 'LogPulse has no entries yet' }).waitFor();
    await explorer.button('Copy command').click();
    assert.ok((await explorer.clipboard()).startsWith(`curl ${logpulse.url}/logs -H 'Content-Type: application/json' -d '{`));
    await explorer.button('Send a test entry').click();
    await explorer.hasRows(1);
    assert.deepEqual(await explorer.messages(), ['Hello, LogPulse!']);
  },
  { skip },
);
