import assert from 'node:assert/strict';
import { test } from 'node:test';
import { banner } from '../../src/launcher/banner.js';
import type { RunningListener, RunningNode } from '../../src/launcher/ports.js';
import { statusTable, uptimeText } from '../../src/launcher/status-page.js';
import { loadSettings } from '../../src/settings/parse.js';

const TCP: RunningListener = { name: 'mqtt.tcp', url: 'mqtt://127.0.0.1:1883', host: '127.0.0.1', port: 1883 };
const WS: RunningListener = { name: 'mqtt.ws', url: 'ws://127.0.0.1:8083/mqtt', host: '127.0.0.1', port: 8083 };

function bannerOf(listeners: readonly RunningListener[], shardCount = 1, ...assignments: string[]): string {
  const node: RunningNode = {
    listeners,
    shardCount,
    transportKind: 'native',
    webSocketEngine: 'uws',
    grpcAddress: '127.0.0.1:1228',
    certificates: { authorityPath: '', reload: () => [] },
    httpAddress: '127.0.0.1:58080',
    connections: () => 0,
    query: () => Promise.resolve({}),
    status: () => ({}),
    noteReload: () => {},
    stop: () => Promise.resolve(),
    onFatal: () => {},
  };
  const loaded = loadSettings({ configPath: null, assignments, environment: {} });
  return banner({ version: '1.2.3', node, loaded, readyMs: 1210, howToStop: 'Ctrl-C to stop' });
}

test('banner: holds the addresses, the engines, where things are, and commands to try', () => {
  const text = bannerOf([TCP, WS]);
  assert.match(text, /^RobustMQ 1\.2\.3 {3}node-1 {3}profile: local {3}Node v\d+.* {3}1 shard\n/);
  assert.match(text, /MQTT {6}mqtt:\/\/127\.0\.0\.1:1883 {3}ws:\/\/127\.0\.0\.1:8083\/mqtt\n/);
  assert.match(text, /Data {6}\.\/data\n/);
  assert.match(text, /built-in defaults, none loaded/);
  assert.match(text, /transport native, WebSocket uws/);
  assert.match(text, /Local only/);
  assert.match(
    text,
    /mosquitto_sub -h 127\.0\.0\.1 -p 1883 -t 'demo\/#' -v\n {2}mosquitto_pub -h 127\.0\.0\.1 -p 1883 -t demo\/hello -m hi\n/,
  );
  assert.match(text, /Ready in 1\.21 s\. Ctrl-C to stop\.\n$/);
});

test('banner: an open server says so, and names an address that can be connected to', () => {
  const text = bannerOf([{ ...TCP, host: '0.0.0.0' }], 4);
  assert.match(text, /OPEN TO ANYBODY/);
  assert.match(text, /4 shards/);
  assert.match(text, /mosquitto_sub -h 127\.0\.0\.1 -p 1883/);
});

test('banner: where names are checked it says so, and names the listeners where they are not', () => {
  const far = [
    { ...TCP, host: '0.0.0.0' },
    { ...WS, host: '0.0.0.0' },
  ];
  assert.match(bannerOf(far, 1, 'auth.anonymous=false'), /have to prove who they are/);
  assert.match(
    bannerOf(far, 1, 'auth.anonymous=false', 'auth.listeners=[{"name":"mqtt.ws","anonymous":true}]'),
    /OPEN TO ANYBODY.*\(mqtt\.ws\)/,
  );
});

test('banner: with WebSocket alone the commands use it', () => {
  assert.match(bannerOf([WS]), /npx mqtt sub -l ws -h 127\.0\.0\.1 -p 8083 /);
});

test('banner: fits a terminal of 100 columns', () => {
  for (const line of bannerOf([TCP, WS]).split('\n')) assert.ok(line.length <= 100, line);
});

test('status: uptime shows its two largest units', () => {
  assert.deepEqual([0, 59_999, 60_000, 3_725_000, 90_061_000].map(uptimeText), ['0 s', '59 s', '1 m 0 s', '1 h 2 m', '1 d 1 h']);
});

test('status: the table has a row for every fact and no colour codes unless asked', () => {
  const table = statusTable(
    {
      state: 'ready',
      pid: 7,
      version: '1.2.3',
      nodeVersion: 'v20.0.0',
      nodeId: 'node-1',
      uptimeMs: 1000,
      dataPath: '/data',
      configFiles: [],
      listeners: [TCP, WS],
      shards: 2,
      connections: 5,
      transport: 'native',
      webSocketEngine: 'uws',
      grpcAddress: '127.0.0.1:1228',
      httpAddress: '',
      settings: {},
      node: null,
    },
    false,
  );
  for (const word of ['ready', '7', '1 s', '1.2.3', 'mqtt://127.0.0.1:1883', 'ws://127.0.0.1:8083/mqtt', 'native', 'uws', '/data']) {
    assert.ok(table.includes(word), word);
  }
  assert.equal(table.includes('\u001b'), false);
});
