import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DurableBroker } from '../durability/durable-broker.js';
import { connectClient, disconnectOf } from './running-broker.js';

/* bin/robust-ctl as an operator uses it: another process, against a broker of two shards. */

const CTL = fileURLToPath(new URL('../../src/ctl.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves when standard output has so many lines. */
  lines(count: number): Promise<string[]>;
  interrupt(): void;
}

function launch(broker: DurableBroker, ...args: string[]): Running {
  const child = spawn(process.execPath, [CTL, ...args, '--data-path', broker.dataPath], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = endOf(child);
  let out = '';
  let onText = (): void => {};
  child.stdout.on('data', (chunk) => {
    out += chunk;
    onText();
  });
  const lines = async (count: number): Promise<string[]> => {
    const shown = (): string[] => out.split('\n').slice(0, -1);
    const enough = new Promise<void>((resolve) => {
      onText = () => {
        if (shown().length >= count) resolve();
      };
      onText();
    });
    await Promise.race([enough, ended.then((end) => assert.ok(shown().length >= count, `it ended: ${JSON.stringify(end)}`))]);
    return shown();
  };
  return { ended, lines, interrupt: () => void child.kill('SIGINT') };
}

async function endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
}

function run(broker: DurableBroker, ...args: string[]): Promise<Ended> {
  return launch(broker, ...args).ended;
}

/** What it says when all is well. */
async function said(broker: DurableBroker, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(broker, ...args);
  assert.equal(code, 0, `${args.join(' ')}: ${err}`);
  return out;
}

/** The answer of a program, whose form these tests are about. */
async function read(broker: DurableBroker, ...args: string[]): Promise<ReturnType<typeof JSON.parse>> {
  return JSON.parse(await said(broker, ...args, '-o', 'json'));
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function publishSome(context: TestContext, broker: DurableBroker): Promise<void> {
  const publisher = await connectClient(context, broker.url, { clientId: 'publisher', protocolVersion: 5 });
  for (let i = 0; i < 30; i += 1) await publisher.publishAsync(`site/${i % 5}`, `hello ${i}`, { qos: 1 });
  await publisher.publishAsync('site/bytes', Buffer.from([0, 255]), { qos: 2, properties: { contentType: 'image/none' } });
}

test('robust-ctl: a stream is made, filled, looked at in both forms, exported and deleted', async (context) => {
  const broker = await DurableBroker.start(context);
  const made = await said(broker, 'stream', 'create', 'sites', '--partitions', '4', '--filters', 'site/#');
  assert.equal(made, 'created stream "sites" with 4 partitions\n');
  const again = await run(broker, 'stream', 'create', 'sites');
  assert.deepEqual([again.code, again.out], [1, '']);
  assert.match(again.err, /^RMQ-1022 .*"sites": there is one of this name already/);
  await publishSome(context, broker);

  assert.match(await said(broker, 'stream', 'list'), /^NAME .*\n(?:.*\n)*sites +4 +31 .* site\/# +command\n$/);
  const { streams, silent } = await read(broker, 'stream', 'list');
  assert.deepEqual(
    streams.map((it: { definition: { name: string }; records: number }) => [it.definition.name, it.records]),
    [
      ['mqtt', 0],
      ['mqtt.retained', 0],
      ['sites', 31],
    ],
  );
  assert.deepEqual(silent, []);

  const { partitions } = await read(broker, 'stream', 'describe', 'sites');
  assert.equal(partitions.length, 4);
  assert.deepEqual([...new Set(partitions.map((it: { shard: number }) => it.shard))].sort(), [0, 1], 'on both shards');
  for (const { start, end, records } of partitions) assert.deepEqual([start, end], [0, records]);
  assert.match(
    await said(broker, 'stream', 'describe', 'sites'),
    /^Stream +sites [\s\S]*\nPARTITION +SHARD +GROUP +START +END +RECORDS +BYTES\n/,
  );

  const last = await said(broker, 'stream', 'tail', 'sites', '-n', '2');
  assert.match(
    last,
    /^\d:\d+ .*Z {2}site\/4 {2}hello 29\n\d:\d+ .*Z {2}site\/bytes {2}base64:AP8= {2}\[mqtt:qos=2 content-type=image\/none\]\n$/,
  );
  const all = linesOf(await said(broker, 'stream', 'tail', 'sites', '--from', 'earliest', '-n', '100', '-o', 'json'));
  assert.equal(all.length, 31);
  assert.deepEqual([all[0].key, all[0].value, all[0].headers], ['site/0', 'hello 0', []]);
  const partition = String(all[0].partition);
  const [second] = linesOf(await said(broker, 'stream', 'tail', 'sites', '-p', partition, '--from', '1', '-n', '1', '-o', 'json'));
  assert.deepEqual([second.partition, second.offset], [all[0].partition, 1]);
  assert.equal(linesOf(await said(broker, 'stream', 'tail', 'sites', '--from', '1h', '-n', '50', '-o', 'json')).length, 31);
  assert.equal(await said(broker, 'stream', 'tail', 'sites', '--from', '2099-01-01T00:00:00Z'), '');
  assert.equal((await run(broker, 'stream', 'tail', 'sites', '--from', '1')).code, 2, 'an offset is of one partition');
  assert.match((await run(broker, 'stream', 'tail', 'sites', '-p', '4')).err, /^RMQ-1023 not found \(partition 4 .* has 4\)/);

  const path = join(broker.dataPath, 'sites.jsonl');
  const exported = await run(broker, 'stream', 'export', 'sites', '--output', path);
  assert.deepEqual([exported.code, exported.out, exported.err], [0, '', `exported 31 records of stream "sites" to ${path}\n`]);
  const lines = linesOf(readFileSync(path, 'utf8'));
  assert.deepEqual(lines.find(({ key }) => key === 'site/bytes')?.value, { base64: 'AP8=' });
  assert.deepEqual(linesOf(await said(broker, 'stream', 'export', 'sites')), lines);
  assert.match((await run(broker, 'stream', 'export', 'sites', '--output', join(path, 'no'))).err, /^RMQ-1026 /);

  const unasked = await run(broker, 'stream', 'delete', 'sites');
  assert.equal(unasked.code, 1);
  assert.match(unasked.err, /^RMQ-1025 not confirmed .*no terminal.*--yes/);
  assert.equal(await said(broker, 'stream', 'delete', 'sites', '--yes'), 'deleted stream "sites" and its 31 records\n');
  assert.match((await run(broker, 'stream', 'describe', 'sites')).err, /^RMQ-1023 not found \(stream "sites"\)/);
  assert.match((await run(broker, 'stream', 'delete', 'mqtt', '--yes')).err, /^RMQ-1022 .*of the system/);
});

test('robust-ctl: an export of many pages has every record, however long', async (context) => {
  const broker = await DurableBroker.start(context);
  await said(broker, 'stream', 'create', 'big', '--partitions', '3', '--filters', 'big/#');
  const publisher = await connectClient(context, broker.url, { protocolVersion: 5 });
  const body = 'x'.repeat(60_000);
  const publishes = Array.from({ length: 60 }, (_, i) => publisher.publishAsync(`big/${i % 7}`, `${i} ${body}`, { qos: 1 }));
  await Promise.all([...publishes, publisher.publishAsync('big/long', Buffer.alloc(1_900_000, 0xff), { qos: 1 })]);
  const lines = linesOf(await said(broker, 'stream', 'export', 'big'));
  assert.equal(lines.length, 61);
  const shell = (command: string): Promise<Ended> => {
    const program = `${process.execPath} ${CTL} stream export big --data-path ${broker.dataPath}`;
    return endOf(spawn('bash', ['-o', 'pipefail', '-c', `${program} ${command}`], { stdio: ['ignore', 'pipe', 'pipe'] }));
  };
  const head = await shell('| head -n 1');
  assert.equal(head.code, 0, 'who reads a part of it is no failure');
  assert.match(head.out, /^\{"partition".*\}\n$/);
  const full = await shell('> /dev/full');
  assert.equal(full.code, 1);
  assert.match(full.err, /^RMQ-1026 output cannot be written \(standard output: ENOSPC\)/);
  const numbers = lines.flatMap(({ value }) => (typeof value === 'string' ? [Number.parseInt(value, 10)] : []));
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    Array.from({ length: 60 }, (_, i) => i),
  );
  const offsets = new Map<unknown, number>();
  for (const { partition, offset } of lines) {
    assert.equal(offset, offsets.get(partition) ?? 0, 'in order and without gaps');
    offsets.set(partition, Number(offset) + 1);
  }
});

test('robust-ctl: tail follows what comes until Ctrl-C, and ends well', async (context) => {
  const broker = await DurableBroker.start(context);
  const publisher = await connectClient(context, broker.url, { protocolVersion: 5 });
  await publisher.publishAsync('old', 'before', { qos: 1 });
  const tail = launch(broker, 'stream', 'tail', 'mqtt', '--from', 'earliest', '--follow', '-o', 'json');
  await tail.lines(1);
  for (const topic of ['a', 'b', 'c']) await publisher.publishAsync(topic, `to ${topic}`, { qos: 1 });
  const values = linesOf((await tail.lines(4)).join('\n')).map(({ value }) => value);
  assert.deepEqual(values.slice(0, 1), ['before']);
  assert.deepEqual(values.slice(1).sort(), ['to a', 'to b', 'to c']);
  tail.interrupt();
  const { code, err } = await tail.ended;
  assert.deepEqual([code, err], [0, '']);
});

test('robust-ctl: sessions are listed, shown and ended, on whichever shard', async (context) => {
  const broker = await DurableBroker.start(context);
  const away = await connectClient(context, broker.url, {
    clientId: 'away-1',
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 3600 },
  });
  await away.subscribeAsync({ 'site/#': { qos: 1 }, '+/1': { qos: 2 } });
  await away.endAsync();
  const will = { topic: 'gone', payload: Buffer.from('bye'), qos: 1, retain: true } as const;
  const here = await connectClient(context, broker.url, { clientId: 'here-1', protocolVersion: 5, will });
  await publishSome(context, broker);

  const { sessions, total } = await read(broker, 'session', 'list');
  assert.equal(total, 3);
  const [first, second, third] = sessions;
  assert.deepEqual([first.clientId, first.state, first.subscriptions, first.waiting, first.expirySeconds], ['away-1', 'away', 2, 31, 3600]);
  assert.ok(Math.abs(Date.now() - first.sinceMs) < 60_000 && first.endsAtMs === first.sinceMs + 3_600_000);
  assert.deepEqual([second.clientId, second.state, second.expirySeconds], ['here-1', 'connected', 0]);
  assert.equal(third.clientId, 'publisher');
  assert.match(
    await said(broker, 'session', 'list', '--match', '*-1'),
    /^CLIENT ID +TENANT .*\naway-1 +default +away +\S+Z +\d +2 +31 +0 +ends \S+Z\nhere-1 +default +connected .*with its connection\n$/,
  );
  const cut = await run(broker, 'session', 'list', '--limit', '2');
  assert.deepEqual([cut.out.split('\n').length, cut.err], [4, '2 of 3 sessions; --limit shows more\n']);

  const { session } = await read(broker, 'session', 'show', 'away-1');
  assert.deepEqual(session.filters.map((it: { filter: string }) => it.filter).sort(), ['+/1', 'site/#']);
  assert.ok(session.cursors.length > 0 && session.isDurable);
  assert.deepEqual((await read(broker, 'session', 'show', 'here-1')).session.will, {
    topic: 'gone',
    qos: 1,
    retain: true,
    delaySeconds: 0,
    bytes: 3,
  });
  assert.match(
    await said(broker, 'session', 'show', 'away-1'),
    /^Client +away-1\n[\s\S]*Waiting +31 [\s\S]*\nFILTER +QOS\n[\s\S]*\n *GROUP +SHARD /,
  );
  const nobody = await run(broker, 'session', 'show', 'nobody');
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /^RMQ-1023 not found \(session "nobody"\)/);

  const told = disconnectOf(here);
  assert.equal(await said(broker, 'session', 'delete', 'here-1', '--yes'), 'ended the session of "here-1"\n');
  assert.equal(await told, 0x98, 'administrative action');
  assert.equal((await run(broker, 'session', 'delete', 'away-1')).code, 1, 'nobody can be asked');
  assert.deepEqual(await read(broker, 'session', 'delete', 'away-1', '--yes'), { clientId: 'away-1' });
  assert.equal((await read(broker, 'session', 'list')).total, 1);
  const back = await connectClient(context, broker.url, { clientId: 'away-1', clean: false, protocolVersion: 5 });
  assert.equal((await read(broker, 'session', 'show', 'away-1')).session.subscriptions, 0, 'nothing is left of the session before');
  await back.endAsync();
});

test('robust-ctl: what was made and deleted is so after a crash too', async (context) => {
  const broker = await DurableBroker.start(context);
  for (const name of ['stays', 'goes']) await said(broker, 'stream', 'create', name, '--partitions', '2', '--filters', `${name}/#`);
  const client = await connectClient(context, broker.url, { clientId: 'c', clean: false, protocolVersion: 4 });
  await client.subscribeAsync('x', { qos: 1 });
  for (let i = 0; i < 8; i += 1) {
    await client.publishAsync(`stays/${i}`, 'x', { qos: 1 });
    await client.publishAsync(`goes/${i}`, 'x', { qos: 1 });
  }
  client.on('error', () => {}); // The broker dies under it.
  await said(broker, 'session', 'delete', 'c', '--yes');
  await said(broker, 'stream', 'delete', 'goes', '--yes');
  await broker.kill();
  await broker.start();
  assert.equal((await read(broker, 'session', 'list')).total, 0);
  const { streams } = await read(broker, 'stream', 'list');
  assert.deepEqual(
    streams.slice(2).map((it: { definition: { name: string }; records: number }) => [it.definition.name, it.records]),
    [['stays', 8]],
  );
  const { partitions } = await read(broker, 'stream', 'describe', 'stays');
  assert.equal(partitions.length, 2);
});

test('robust-ctl: the journal is shown while the broker runs, and verified and repaired while it does not', async (context) => {
  const broker = await DurableBroker.start(context);
  await publishSome(context, broker);
  const { shards } = await read(broker, 'journal', 'status');
  assert.deepEqual(
    shards.map((it: { shard: number; state: string }) => [it.shard, it.state]),
    [
      [0, 'writable'],
      [1, 'writable'],
    ],
  );
  for (const { lanes } of shards) assert.ok(lanes[0].segments >= 1 && lanes[0].freeBytes > 0 && lanes[0].bytes > 0);
  assert.match(await said(broker, 'journal', 'status'), /^SHARD +STATE [\s\S]*\n +0 +writable [\s\S]*\nSHARD +LANE +GROUPS /);

  for (const args of [['verify'], ['repair', '--yes']]) {
    const { code, out, err } = await run(broker, 'journal', ...args);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, new RegExp(`^RMQ-1004 .*by the broker with pid ${broker.pid}`));
  }
  assert.equal(await broker.stop(), 0);

  const stopped = await run(broker, 'stream', 'list');
  assert.equal(stopped.code, 3);
  assert.match(stopped.err, /^RMQ-1009 /);
  assert.match(await said(broker, 'journal', 'verify'), /^LANE .*\nlane-0 .* sound\nlane-1 .* sound\n$/);

  const lane = join(broker.dataPath, 'journal', 'lane-1');
  const segment = readdirSync(lane).find((name) => /^segment-\d+\.mdb$/.test(name)) ?? assert.fail('the lane has a segment');
  const bytes = readFileSync(join(lane, segment));
  bytes.fill(0x5a, 8192);
  writeFileSync(join(lane, segment), bytes);
  const verified = await run(broker, 'journal', 'verify', '-o', 'json');
  assert.equal(verified.code, 1);
  const found = JSON.parse(verified.out).lanes[1].findings;
  assert.ok(found.some((it: { file: string; isDamage: boolean }) => it.file === segment && it.isDamage));

  assert.match((await run(broker, 'journal', 'repair')).err, /damaged {2}lane-1\/segment-\S+: [\s\S]*RMQ-1025 not confirmed/);
  assert.match(await said(broker, 'journal', 'repair', '--yes'), new RegExp(`set aside {2}lane-1/${segment} as \\S+`));
  assert.equal((await run(broker, 'journal', 'verify')).code, 0);
  await broker.start();
  const after = await read(broker, 'journal', 'status');
  assert.equal(after.shards[1].lanes[0].quarantined, 1);
});

test('robust-ctl: acl test says whether somebody may do something, and which rule decides', async (context) => {
  const broker = await DurableBroker.start(context);
  assert.equal(await said(broker, 'mqtt', 'acl', 'test', 'c1', 'publish', 'a/b'), 'allow (no rule)\nthere are no rules\n');
  await said(broker, 'mqtt', 'acl', 'add', 'own', 'allow', '${clientid}/#');
  await said(broker, 'mqtt', 'acl', 'add', 'reads', 'allow', 'site/#', '--user', 'alice', '--action', 'subscribe');
  await said(broker, 'mqtt', 'rewrite', 'add', 'short', 's/#', '^s/(.*)$', 'site/$1');
  const test = (...args: string[]): Promise<ReturnType<typeof JSON.parse>> => read(broker, 'mqtt', 'acl', 'test', ...args);
  const summary = async (...args: string[]): Promise<readonly unknown[]> => {
    const { verdict, rules, topic } = await test(...args);
    return [verdict, rules, topic];
  };
  assert.deepEqual(await summary('c1', 'publish', 'c1/x'), ['allow', ['own'], 'c1/x']);
  assert.deepEqual(await summary('c1', 'publish', 'c2/x', '--qos', '2', '--retain'), ['deny', [], 'c2/x']);
  assert.deepEqual(await summary('-', 'subscribe', 's/1', '--user', 'alice'), ['allow', ['reads'], 'site/1']);
  assert.deepEqual(await summary('-', 'subscribe', '$share/g/site/+', '--user', 'alice'), ['allow', ['reads'], 'site/+']);
  await connectClient(context, broker.url, { clientId: 'c1', protocolVersion: 5 });
  assert.equal((await test('c1', 'publish', 'c1/x')).isOfSession, true);
  const text = await said(broker, 'mqtt', 'acl', 'test', '-', 'publish', 's/1');
  const unfit = "1 do not fit the client's name (own)";
  assert.equal(text, `deny (no rule)\npublishing to site/1: forbidden, for no rule is about it; ${unfit}\nRules are asked about site/1.\n`);
  const wrong = await run(broker, 'mqtt', 'acl', 'test', 'c1', 'publish', 'a/#');
  assert.match(wrong.err, /RMQ-1036/);
});
