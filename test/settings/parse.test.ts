import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BrokerError } from '../../src/base/errors.js';
import { isLoopback, type LoadedSettings, loadSettings, type SettingsInput } from '../../src/settings/parse.js';

const directory = mkdtempSync(join(tmpdir(), 'robustmq-settings-'));
after(() => rmSync(directory, { recursive: true }));

function load(input: Partial<SettingsInput> & { readonly toml?: string } = {}): LoadedSettings {
  if (input.toml !== undefined) writeFileSync(join(directory, 'server.toml'), input.toml);
  return loadSettings({
    configPath: input.toml === undefined ? null : 'server.toml',
    assignments: [],
    environment: {},
    workingDirectory: directory,
    ...input,
  });
}

function failure(input: Parameters<typeof load>[0]): BrokerError {
  try {
    load(input);
  } catch (error) {
    assert.ok(error instanceof BrokerError, String(error));
    return error;
  }
  assert.fail('expected the settings to be refused');
}

test('settings: without any source every setting has its default and says so', () => {
  const { settings, sources, files } = load();
  assert.equal(settings.mqtt.tcp.port, 1883);
  assert.equal(settings.mqtt.receive_max, 1000);
  assert.equal(settings.mqtt.connect_timeout, 10_000);
  assert.equal(settings.mqtt.session_expiry_max, 7 * 86_400_000);
  assert.equal(settings.mqtt.output_low_mark, 256 * 1024);
  assert.equal(settings.data_path, join(directory, 'data'));
  assert.ok([...sources.values()].every((source) => source.kind === 'default'));
  assert.deepEqual(files, []);
});

test('settings: each layer wins over the ones before it, and the source is remembered', () => {
  mkdirSync(join(directory, 'data'), { recursive: true });
  writeFileSync(join(directory, 'data', 'override.toml'), 'mqtt.tcp.port = 2\nmqtt.ws.port = 12\nlog.level = "warn"\n');
  const { settings, sources, files } = load({
    toml: 'node.id = "a"\n[mqtt.tcp]\nport = 1\n[mqtt.ws]\nport = 11\n',
    environment: { ROBUST_MQ_SERVER_MQTT_WS_PORT: '13', ROBUST_MQ_SERVER_LOG_LEVEL: 'error', PATH: '/bin' },
    assignments: ['log.level=debug'],
  });
  rmSync(join(directory, 'data'), { recursive: true });
  assert.deepEqual([settings.node.id, settings.mqtt.tcp.port, settings.mqtt.ws.port, settings.log.level], ['a', 2, 13, 'debug']);
  assert.deepEqual(sources.get('node.id'), { kind: 'file', where: 'server.toml:1:1' });
  assert.deepEqual(sources.get('mqtt.tcp.port'), { kind: 'override', where: 'data/override.toml:1:1' });
  assert.deepEqual(sources.get('mqtt.ws.port'), { kind: 'environment', where: 'ROBUST_MQ_SERVER_MQTT_WS_PORT' });
  assert.deepEqual(sources.get('log.level'), { kind: 'set', where: '--set log.level=debug' });
  assert.deepEqual(files, ['server.toml', 'data/override.toml']);
});

test('settings: durations, sizes, booleans, lists and numbers come from text alike', () => {
  const { settings } = load({
    environment: {
      ROBUST_MQ_SERVER__MQTT__WS__ENABLED: undefined,
      ROBUST_MQ_SERVER_MQTT__WS__ENABLED: 'false',
      ROBUST_MQ_SERVER_ROLES: 'broker, journal',
    },
    assignments: ['mqtt.keep_alive_max=2m', 'mqtt.queue_bytes_max=1GiB', 'runtime.shards=3'],
  });
  assert.equal(settings.mqtt.ws.enabled, false);
  assert.deepEqual(settings.roles, ['broker', 'journal']);
  assert.equal(settings.mqtt.keep_alive_max, 120_000);
  assert.equal(settings.mqtt.queue_bytes_max, 2 ** 30);
  assert.equal(settings.runtime.shards, 3);
});

test('settings: an unknown key names its line, its column and its neighbour', () => {
  const error = failure({ toml: '[mqtt.tcp]\n  prot = 1884\n' });
  assert.equal(error.code, 'RMQ-1002');
  assert.match(error.message, /server\.toml:2:3: unknown key mqtt\.tcp\.prot; did you mean mqtt\.tcp\.port\?/);
  assert.match(failure({ toml: '[mqt.tcp]\nport = 1884\n' }).message, /server\.toml:1:1: unknown key mqt; did you mean mqtt\?/);
});

test('settings: all problems are told at once', () => {
  const { message } = failure({
    toml: 'zzz = 1\n[log]\nlevel = "loud"\n[mqtt]\nconnect_timeout = "soon"\n',
    assignments: ['mqtt.tcp.port=70000'],
  });
  assert.match(message, /4 problems/);
  assert.match(message, /server\.toml:1:1: unknown key zzz/);
  assert.match(message, /server\.toml:3:1: log\.level: expected one of/);
  assert.match(message, /server\.toml:5:1: mqtt\.connect_timeout: "soon" is not a duration/);
  assert.match(message, /--set mqtt\.tcp\.port=70000: mqtt\.tcp\.port: Too big/);
});

test('settings: a syntax error has line and column, a missing file its name', () => {
  assert.match(failure({ toml: 'a = 1\nb = = 2\n' }).message, /server\.toml:2:5/);
  const missing = failure({ configPath: 'nowhere.toml' });
  assert.equal(missing.code, 'RMQ-1001');
  assert.match(missing.message, /nowhere\.toml/);
});

test('settings: a misspelt variable or assignment is refused with a suggestion', () => {
  assert.match(failure({ environment: { ROBUST_MQ_SERVER_MQTT_TCP_PROT: '1' } }).message, /did you mean ROBUST_MQ_SERVER_MQTT_TCP_PORT\?/);
  assert.match(failure({ assignments: ['mqtt.tcp.prot=1'] }).message, /did you mean mqtt\.tcp\.port\?/);
  assert.match(failure({ assignments: ['mqtt.tcp'] }).message, /section\.key=value/);
  assert.match(failure({ assignments: ['mqtt.tcp=1'] }).message, /is a table/);
});

test('settings: a table where a value belongs, and the reverse, are refused', () => {
  assert.match(failure({ toml: 'mqtt = 5\n' }).message, /server\.toml:1:1: mqtt is a table/);
  assert.match(failure({ toml: '[log.level]\na = 1\n' }).message, /log\.level: expected/);
});

test('settings: values that contradict each other are refused', () => {
  assert.match(failure({ assignments: ['mqtt.output_low_mark=2MiB'] }).message, /output_low_mark: must be below/);
  assert.match(failure({ assignments: ['mqtt.ws.port=1883'] }).message, /mqtt\.ws\.port: is that of mqtt\.tcp\.port/);
  assert.match(failure({ assignments: ['tcp', 'ws', 'tls', 'wss'].map((kind) => `mqtt.${kind}.enabled=false`) }).message, /no listener/);
});

test('settings: beyond loopback nobody may get in unproven, or the open profile must be written out', () => {
  const beyond = 'mqtt.tcp.host=0.0.0.0';
  for (const closed of ['security.profile=hardened', 'auth.anonymous=false', 'auth.listeners=[{"name":"mqtt.tcp","anonymous":false}]'])
    assert.equal(load({ assignments: [beyond, closed] }).settings.mqtt.tcp.host, '0.0.0.0', closed);
  for (const open of ['auth.anonymous=true', 'auth.anonymous=auto', 'auth.listeners=[{"name":"mqtt.ws","anonymous":false}]'])
    assert.equal(failure({ assignments: [beyond, open] }).code, 'RMQ-1012', open);
  const error = failure({ assignments: ['mqtt.tcp.host=0.0.0.0'] });
  assert.equal(error.code, 'RMQ-1012');
  assert.match(error.message, /mqtt\.tcp\.host = "0\.0\.0\.0"/);
  assert.equal(load({ assignments: ['mqtt.tcp.host=0.0.0.0', 'security.profile=open'] }).settings.mqtt.tcp.host, '0.0.0.0');
  assert.equal(load({ assignments: ['mqtt.tcp.host=0.0.0.0', 'mqtt.tcp.enabled=false'] }).settings.mqtt.tcp.enabled, false);
});

test('settings: loopback is 127.0.0.0/8, ::1 and localhost only', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) assert.equal(isLoopback(host), true, host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'example.com']) assert.equal(isLoopback(host), false, host);
});

test('settings: the override file cannot move the data directory it lies in', () => {
  mkdirSync(join(directory, 'elsewhere'), { recursive: true });
  writeFileSync(join(directory, 'elsewhere', 'override.toml'), 'data_path = "./other"\n');
  assert.match(failure({ assignments: ['data_path=elsewhere'] }).message, /data_path cannot be set by a file inside data_path/);
});

test('settings: the example file is valid and holds the defaults', () => {
  const { settings } = load({ toml: readFileSync('config/server.toml', 'utf8') });
  assert.deepEqual(settings, load().settings);
});
