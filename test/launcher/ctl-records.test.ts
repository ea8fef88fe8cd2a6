import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ControlServer, openControlServer } from '../../src/launcher/control-server.js';
import type { ControlQuestion } from '../../src/launcher/control-wire.js';
import { NodeClient } from '../../src/launcher/ctl/node-client.js';
import { type Hole, holeText, jsonLine, readSpans, type StreamRecord, textLine } from '../../src/launcher/ctl/records.js';

const directory = mkdtempSync(join(tmpdir(), 'robustmq-records-'));
after(() => rmSync(directory, { recursive: true }));

const PAGE = 3;

function record(offset: number): Record<string, unknown> {
  return { offset, timestampMs: offset, key: 'k', value: `v${offset}`, headers: [] };
}

/** A node whose streams have offsets 0 to 9 in each partition, and that gives three records of a partition at a time. */
async function serve(
  bend: (page: Record<string, unknown>) => Record<string, unknown> = (page) => page,
): Promise<{ server: ControlServer; asked: ControlQuestion[] }> {
  const asked: ControlQuestion[] = [];
  const server = await openControlServer(directory, {
    status: () => 0,
    reload: () => 0,
    stop: () => {},
    ask: (question) => {
      asked.push(question);
      assert.equal(question.verb, 'stream-read');
      const from = question.verb === 'stream-read' ? question.from : [];
      const partitions = from.map(([partition, offset]) => {
        const records = [0, 1, 2].map((more) => offset + more).filter((it) => it < 10);
        return bend({ partition, status: 'ok', start: 0, end: 10, next: Math.min(10, offset + PAGE), records: records.map(record) });
      });
      return Promise.resolve({ partitions, silent: [] });
    },
  });
  return { server, asked };
}

async function all(pages: AsyncGenerator<StreamRecord[], void, undefined>): Promise<string[]> {
  const places: string[] = [];
  for await (const records of pages) for (const { partition, offset } of records) places.push(`${partition}:${offset}`);
  return places;
}

test('ctl records: spans are read page by page to their ends and no further, each partition in order', async () => {
  const { server, asked } = await serve();
  const spans = [
    { partition: 0, next: 2, end: 7 },
    { partition: 4, next: 9, end: 10 },
    { partition: 5, next: 3, end: 3 },
  ];
  const places = await all(readSpans(new NodeClient(directory), 7, spans, () => assert.fail('there are no holes')));
  assert.deepEqual(places, ['0:2', '0:3', '0:4', '4:9', '0:5', '0:6']);
  assert.deepEqual(
    asked.map((question) => question.verb === 'stream-read' && question.from),
    [
      [
        [0, 2],
        [4, 9],
      ],
      [[0, 5]],
    ],
  );
  server.close();
});

test('ctl records: what has expired or cannot be read is told, and reading goes on behind it', async () => {
  const { server } = await serve((page) => {
    const next = Number(page.next);
    if (next === 3) return { ...page, status: 'corrupt', records: [record(0)], next: 5 };
    if (next === 8) return { ...page, status: 'out-of-range', records: [], next: 8 };
    return page;
  });
  const holes: Hole[] = [];
  const spans = [{ partition: 1, next: 0, end: 10 }];
  const places = await all(readSpans(new NodeClient(directory), 7, spans, (hole) => holes.push(hole)));
  assert.deepEqual(places, ['1:0', '1:8', '1:9']);
  assert.deepEqual(holes, [
    { partition: 1, from: 1, to: 5, isCorrupt: true },
    { partition: 1, from: 5, to: 8, isCorrupt: false },
  ]);
  assert.match(holeText(holes[0]), /^RMQ-1021 journal is corrupt at partition 1, offsets 1 to 4\./);
  assert.equal(holeText(holes[1]), 'partition 1: offsets 5 to 7 expired meanwhile\n');
  server.close();
});

test('ctl records: a line of JSON keeps bytes, a line of text stays one line', () => {
  const it: StreamRecord = {
    partition: 2,
    offset: 5,
    timestampMs: 0,
    key: 'a/b',
    value: { base64: 'AP8=' },
    headers: [{ name: 'n', value: 'line\nbreak' }],
  };
  assert.deepEqual(JSON.parse(jsonLine(it)), {
    partition: 2,
    offset: 5,
    timestamp: '1970-01-01T00:00:00.000Z',
    key: 'a/b',
    value: { base64: 'AP8=' },
    headers: [{ name: 'n', value: 'line\nbreak' }],
  });
  assert.equal(textLine(it), '2:5         1970-01-01T00:00:00.000Z  a/b  base64:AP8=  [n=line\\nbreak]\n');
  assert.match(textLine({ ...it, key: null, value: 'x'.repeat(500), headers: [] }), / \(none\) {2}x{200}…\n$/);
});
