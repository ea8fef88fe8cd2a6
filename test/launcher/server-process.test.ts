import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const STUB = fileURLToPath(new URL('./stub-server.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'robustmq-server-'));
after(() => rmSync(directory, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function launch(...args: string[]): { child: ChildProcess; ended: Promise<Ended>; output: () => string } {
  const child = spawn(process.execPath, [STUB, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  return { child, ended: once(child, 'close').then(([code]) => ({ code, out, err })), output: () => out };
}

function run(...args: string[]): Promise<Ended> {
  return launch(...args).ended;
}

/** A server in the foreground, once it has logged `server.ready`. */
async function startForeground(dataPath: string, ...args: string[]): Promise<ReturnType<typeof launch>> {
  const server = launch('start', '--foreground', '--set', `data_path=${dataPath}`, ...args);
  while (!server.output().includes('"server.ready"')) {
    const event = await Promise.race([once(server.child.stdout ?? server.child, 'data'), server.ended]);
    assert.ok(Array.isArray(event), 'the server is still there');
  }
  return server;
}

test('server: starts in the background, is found by status and reload, bars a second one, and stops', async () => {
  const at = ['--set', 'data_path=bg'];
  const started = await run('start', ...at, '--set', 'runtime.shards=3');
  assert.equal(started.code, 0, started.err);
  assert.match(started.out, /3 shards[\s\S]*Ready in .*`robust-server stop` ends it\.\n$/);
  const pid = Number(readFileSync(join(directory, 'bg', 'server.pid'), 'utf8'));

  const [status, second, reload] = await Promise.all([run('status', ...at, '-o', 'json'), run('start', ...at), run('reload', ...at)]);
  const report = JSON.parse(status.out);
  assert.deepEqual([report.pid, report.state, report.shards, report.connections], [pid, 'ready', 3, 3]);
  assert.deepEqual(report.settings['runtime.shards'], { value: 3, source: 'set', where: '--set runtime.shards=3' });
  assert.equal(second.code, 1);
  assert.match(second.err, new RegExp(`^RMQ-1004 .*pid ${pid}`));
  assert.equal(reload.out, 'nothing changed\n');

  const stopped = await run('stop', ...at);
  assert.deepEqual([stopped.code, stopped.out], [0, `stopped (pid ${pid})\n`]);
  const log = readFileSync(join(directory, 'bg', 'server.log'), 'utf8');
  for (const event of ['server.starting', 'listener.ready', 'server.ready', 'server.stopping', 'server.stopped'])
    assert.ok(log.includes(`"${event}"`), event);
});

test('server: stop, status and reload of nobody end with 3 and say so', async () => {
  const ended = await Promise.all(['stop', 'status', 'reload'].map((verb) => run(verb, '--set', 'data_path=nobody')));
  for (const { code, err } of ended) {
    assert.equal(code, 3);
    assert.match(err, /^RMQ-1009 /);
  }
});

test('server: what keeps it from starting reaches the starter, and leaves nothing behind', async () => {
  const refused = await run('start', '--set', 'data_path=refused', '--set', 'node.id=refuses');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^RMQ-1003 cannot listen on 127\.0\.0\.1:1883 \(mqtt tcp\): in use by pid 812\. /);
  assert.equal((await run('status', '--set', 'data_path=refused')).code, 3);
});

test('server: SIGTERM drains and ends with 0; restart works without one running', async () => {
  const server = await startForeground('fg');
  server.child.kill('SIGTERM');
  const { code, out } = await server.ended;
  assert.equal(code, 0);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ event, name = '' }) => `${event} ${name}`.trim()),
    [
      ...['server.starting', 'listener.ready mqtt.tcp', 'listener.ready grpc', 'listener.ready http'],
      ...['server.ready', 'server.stopping', 'server.stopped'],
    ],
  );
  assert.equal((await run('restart', '--set', 'data_path=fg')).code, 0);
  assert.equal((await run('stop', '--set', 'data_path=fg')).code, 0);
});

test('server: a second SIGINT does not wait for the drain', async () => {
  const server = await startForeground('force', '--set', 'node.id=hangs');
  server.child.kill('SIGINT');
  while (!server.output().includes('"server.stopping"')) await once(server.child.stdout ?? server.child, 'data');
  server.child.kill('SIGINT');
  assert.equal((await server.ended).code, 1);
});

test('server: SIGHUP takes over the log level, names what needs a restart, and refuses bad settings', async () => {
  const config = join(directory, 'hup.toml');
  writeFileSync(config, '[log]\nlevel = "info"\n');
  const server = await startForeground('hup', config);
  const reloadTo = async (toml: string, event: string): Promise<void> => {
    writeFileSync(config, toml);
    server.child.kill('SIGHUP');
    while (!server.output().includes(event)) await once(server.child.stdout ?? server.child, 'data');
  };
  await reloadTo('[log]\nlevel = "loud"\n', '"settings.refused"');
  assert.match(server.output(), /"noted","by":"SIGHUP","error":"RMQ-1002/, 'the audit log hears of what was refused');
  await reloadTo('[log]\nlevel = "debug"\n[mqtt.tcp]\nport = 1999\n', '"noted","by":"SIGHUP","applied":["log.level"]');
  assert.match(server.output(), /"settings.reloaded","applied":\["log\.level"\],"needRestart":\["mqtt\.tcp\.port"\]/);
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
});
