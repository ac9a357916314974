// Server-Sent Events, cut out of the chunks of a response.

/** @typedef {{ event: string, data: string, id: string }} ServerEvent `id` is that of the latest event that had one */

/**
 * A parser to call with each chunk; it returns the events that are complete.
 * @returns {(chunk: string) => ServerEvent[]}
 */
export function eventParser() {
  let rest = '';
  let lastId = '';
  return (chunk) => {
    const blocks = (rest + chunk).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    /** @type {ServerEvent[]} */
    const events = [];
    for (const block of blocks) {
      const { data, event, id } = parseBlock(block);
      if (id !== undefined) lastId = id;
      if (data !== undefined) events.push({ event: event ?? 'message', data, id: lastId });
    }
    return events;
  };
}

/** @param {string} block */
function parseBlock(block) {
  /** @type {Record<string, string | undefined>} */
  const fields = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0 || !line) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    fields[name] = name === 'data' && fields.data !== undefined ? `${fields.data}\n${value}` : value;
  }
  return { data: fields.data, event: fields.event, id: fields.id };
}
