import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { containsAddress, networkKey, parseAddress, parseNetwork } from '../../src/base/ip-network.js';
import { SeededRandom } from '../../src/base/random.js';

test('ip-network: addresses of both families become words; mapped ones are those of IPv4, zones are left out', () => {
  const rows = [
    ['10.1.2.3', 4, [0x0a010203]],
    ['255.255.255.255', 4, [0xffffffff]],
    ['::', 6, [0, 0, 0, 0]],
    ['::1', 6, [0, 0, 0, 1]],
    ['2001:db8::ff00:42:8329', 6, [0x20010db8, 0, 0x0000ff00, 0x00428329]],
    ['1:2:3:4:5:6:7:8', 6, [0x00010002, 0x00030004, 0x00050006, 0x00070008]],
    ['fe80::', 6, [0xfe800000, 0, 0, 0]],
    ['fe80::1%eth0', 6, [0xfe800000, 0, 0, 1]],
    ['::ffff:10.1.2.3', 4, [0x0a010203]],
    ['::ffff:a01:203', 4, [0x0a010203]],
    ['64:ff9b::10.1.2.3', 6, [0x0064ff9b, 0, 0, 0x0a010203]],
  ] as const;
  for (const [text, family, words] of rows) assert.deepEqual(parseAddress(text), { family, words }, text);
});

test('ip-network: what is no address and no network is null', () => {
  for (const text of ['', 'x', '10.1.2', '10.1.2.256', '010.1.2.3', '1::2::3', '10.1.2.3 ', '::ffff:1.2.3'])
    assert.equal(parseAddress(text), null, text);
  for (const text of ['10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', '/8', '10.0.0.0/1e1', '::ffff:10.0.0.0/95'])
    assert.equal(parseNetwork(text), null, text);
});

test('ip-network: bits behind the prefix do not count, and keys are one for one network', () => {
  assert.deepEqual(parseNetwork('10.255.1.2/9'), { family: 4, words: [0x0a800000], bits: 9 });
  assert.deepEqual(parseNetwork('::ffff:10.1.2.3/104'), { family: 4, words: [0x0a000000], bits: 8 });
  assert.deepEqual(parseNetwork('0.0.0.0/0'), { family: 4, words: [0], bits: 0 });
  const address = parseAddress('2001:db8:1:2::5');
  const network = parseNetwork('2001:db8::/33');
  assert.ok(address !== null && network !== null);
  assert.equal(networkKey(address, 33), networkKey(network, 33));
  assert.notEqual(networkKey(address, 48), networkKey(network, 48));
});

test('ip-network: networks of IPv6 hold no address of IPv4, and the other way round', () => {
  assert.equal(containsAddress(parseNetwork('::/0'), parseAddress('10.0.0.1')), false);
  assert.equal(containsAddress(parseNetwork('0.0.0.0/0'), parseAddress('2001:db8::1')), false);
  assert.equal(containsAddress(parseNetwork('0.0.0.0/0'), parseAddress('::ffff:10.0.0.1')), true);
});

test('ip-network: which addresses a network holds is what Node says', () => {
  const seed = Date.now() % 1e9;
  const random = new SeededRandom(seed);
  const below = (limit: number): number => random.nextU32() % limit;
  // Few values in each place, so that prefixes agree often.
  const v4 = (): string => [10, below(2), below(4), below(4)].join('.');
  const v6 = (): string => `2001:db8:${below(2)}:${below(2).toString(16)}::${below(3).toString(16)}`;
  for (let round = 0; round < 2000; round += 1) {
    const make = below(2) === 0 ? v4 : v6;
    const [net, address] = [make(), make()];
    const family = make === v4 ? 'ipv4' : 'ipv6';
    const bits = below(make === v4 ? 33 : 129);
    const list = new BlockList();
    list.addSubnet(net, bits, family);
    const expected = list.check(address, family);
    assert.equal(
      containsAddress(parseNetwork(`${net}/${bits}`), parseAddress(address)),
      expected,
      `seed ${seed}: ${address} in ${net}/${bits}`,
    );
  }
});
