import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { PROXY_HEADER_BYTES_MAX, parseProxyHeader } from '../../src/transport/proxy-protocol.js';

const V2 = '0d0a0d0a000d0a515549540a';
const IPV4 = `${V2}2111000cc0000207c6336401dc04075b`;

function parse(bytes: string | Buffer, versions: 'v1' | 'v2' | 'any' = 'any'): unknown {
  return parseProxyHeader(Buffer.from(bytes), versions);
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

test('proxy: headers of both versions say who the client is, and where they end', () => {
  const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n';
  assert.deepEqual(parse(`${line}rest`), { length: line.length, source: { address: '192.0.2.7', port: 56_324 } });
  assert.deepEqual(parse('PROXY TCP6 2001:db8::7 ::1 1 2\r\n'), { length: 32, source: { address: '2001:db8::7', port: 1 } });
  assert.deepEqual(parse('PROXY UNKNOWN whatever there is\r\n'), { length: 33, source: null });
  assert.deepEqual(parse(hex(`${IPV4}ff`)), { length: 28, source: { address: '192.0.2.7', port: 56_324 } });
  const ipv6 = `${V2}21210024${'20010db8000000000000000000000007'}${'0'.repeat(31)}1dc04075b`;
  assert.deepEqual(parse(hex(ipv6)), { length: 52, source: { address: '2001:db8::7', port: 56_324 } });
  assert.deepEqual(parse(hex(`${V2}20000000`)), { length: 16, source: null }, 'LOCAL');
  assert.deepEqual(parse(hex(`${V2}213100d8${'00'.repeat(216)}`)), { length: 232, source: null }, 'a unix socket');
  // Behind the addresses there may be more: it is passed over.
  assert.deepEqual(parse(hex(`${V2}21110010c0000207c6336401dc04075b04000100`)), {
    length: 32,
    source: { address: '192.0.2.7', port: 56_324 },
  });
});

test('proxy: each beginning of a header waits for more', () => {
  for (const whole of [Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n'), hex(IPV4)]) {
    for (let length = 0; length < whole.length; length += 1) assert.equal(parse(whole.subarray(0, length)), 'more', `${length} bytes`);
  }
});

test('proxy: what is no header, the other version, too long or not good is refused', () => {
  const bad: readonly (string | Buffer)[] = [
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883 1\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 65536 1883\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 01 1883\r\n',
    'PROXY TCP4 ::1 198.51.100.1 1 1883\r\n',
    'PROXY TCP6 192.0.2.7 ::1 1 1883\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 1 1883\r\n',
    `PROXY UNKNOWN ${'x'.repeat(100)}`,
    hex(`${V2}31110000`),
    hex(`${V2}22110000`),
    hex(`${V2}2111000b${'00'.repeat(11)}`),
    hex(`${V2}2121000c${'00'.repeat(12)}`),
    hex(`${V2}21112000`),
  ];
  for (const bytes of bad) assert.ok('fault' in Object(parse(bytes)), JSON.stringify(bytes));
  assert.ok('fault' in Object(parse(hex(IPV4), 'v1')));
  assert.ok('fault' in Object(parse('PROXY UNKNOWN\r\n', 'v2')));
});

test('proxy: whatever comes, the answer is one of three, and no header is waited for without end', () => {
  const seed = Number(process.env.FUZZ_SEED ?? randomInt(0x7fff_ffff));
  const random = new SeededRandom(seed);
  const starts = [Buffer.alloc(0), Buffer.from('PROXY '), Buffer.from('PROXY TCP4 1.2.3.4 '), hex(V2), hex(`${V2}2111`), hex(IPV4)];
  for (let round = 0; round < 50_000; round += 1) {
    const start = starts[random.nextU32() % starts.length];
    const rest = Buffer.alloc(random.nextU32() % 300);
    for (let at = 0; at < rest.length; at += 1) rest[at] = random.nextU32();
    const bytes = Buffer.concat([start, rest]);
    if (bytes.length > 0 && random.nextU32() % 4 === 0) bytes[random.nextU32() % bytes.length] = random.nextU32();
    const header = parseProxyHeader(bytes, 'any');
    if (header === 'more') assert.ok(bytes.length < PROXY_HEADER_BYTES_MAX, `seed ${seed}`);
    else assert.ok('fault' in header || (header.length > 0 && header.length <= bytes.length), `seed ${seed}`);
  }
  const long = Buffer.concat([hex(`${V2}21111000`), Buffer.alloc(PROXY_HEADER_BYTES_MAX)]);
  assert.notEqual(parseProxyHeader(long.subarray(0, PROXY_HEADER_BYTES_MAX), 'any'), 'more', `seed ${seed}`);
});
