/*
  Where the keys of a TOML text are. The parser tells positions of syntax errors only; this scan finds the line and column of each
  `[table]` header and each `key =` for messages about keys and values.

  It follows one-line keys, dotted or quoted. Lines within a multi-line string or array that look like a key could mislead it, which
  costs a wrong line number in a message and nothing else.
*/

const KEY_LINE = /^(\s*)((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/;
const TABLE_LINE = /^(\s*)\[\[?\s*([^\]]+?)\s*\]\]?/;

/** @returns a function from a path (`mqtt.tcp.port`) to `line:column`, counted from 1; that of its nearest known parent if it has none, or an empty text. */
export function locateKeys(text: string): (path: string) => string {
  const positions = new Map<string, string>();
  let table = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = TABLE_LINE.exec(line);
    const key = header === null ? KEY_LINE.exec(line) : null;
    const match = header ?? key;
    if (match === null) continue;
    const own = normalize(match[2]);
    const path = header !== null || table === '' ? own : `${table}.${own}`;
    if (header !== null) table = own;
    if (!positions.has(path)) positions.set(path, `${index + 1}:${match[1].length + 1}`);
  }
  return (path) => {
    for (let known = path; known !== ''; known = known.slice(0, Math.max(0, known.lastIndexOf('.')))) {
      const position = positions.get(known) ?? firstBelow(positions, known);
      if (position !== undefined) return position;
    }
    return '';
  };
}

/** A table that is only named within a longer path (`[mqtt.tpc]`, `mqtt.tpc.port = 1`) is where that path is. */
function firstBelow(positions: ReadonlyMap<string, string>, path: string): string | undefined {
  for (const [known, position] of positions) if (known.startsWith(`${path}.`)) return position;
  return undefined;
}

function normalize(dotted: string): string {
  return dotted
    .split('.')
    .map((part) => part.trim().replace(/^(["'])(.*)\1$/, '$2'))
    .join('.');
}
