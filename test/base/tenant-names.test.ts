import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isRoutingName,
  plainFilter,
  plainName,
  routingFilter,
  routingName,
  sessionKey,
  splitSessionKey,
  tenantOf,
} from '../../src/base/tenant-names.js';
import { TopicTrie } from '../../src/broker/topic-trie.js';

const TENANTS = ['default', 'acme', 'acme2', 'a.b-c_d'];
const TOPICS = ['a', 'a/b', '/', '//x', '$SYS/up', '$', 'tenant/acme', 'acme', 'a$/b'];
const FILTERS = ['#', '+', '+/#', 'a/#', '/+', '$SYS/#', '$SYS/+', '+/up', '$share/g/#', '$share/g/a/+', '$share/g/$SYS/#'];

test('tenant names: the default tenant has the names themselves', () => {
  for (const name of TOPICS) assert.equal(routingName('default', name), name);
  for (const filter of FILTERS) assert.equal(routingFilter('default', filter), filter);
  assert.equal(sessionKey('default', 'c'), 'c');
});

test('tenant names: a name comes back as the client said it, and knows its tenant', () => {
  for (const tenant of TENANTS) {
    for (const topic of TOPICS) {
      const routing = routingName(tenant, topic);
      assert.deepEqual([tenantOf(routing), plainName(routing), isRoutingName(routing)], [tenant, topic, tenant !== 'default']);
    }
    for (const filter of FILTERS) assert.equal(plainFilter(routingFilter(tenant, filter)), filter);
    for (const clientId of ['', 'c', 'acme', '/']) {
      const key = sessionKey(tenant, clientId);
      assert.deepEqual(splitSessionKey(key), { tenant, clientId });
    }
  }
});

test('tenant names: a filter matches in its own tenant what it matches in the default one, and nothing of another', () => {
  const filters = FILTERS.filter((filter) => !filter.startsWith('$share/'));
  for (const topic of TOPICS) {
    const expected = matchesOf('default', filters, 'default', topic);
    for (const owner of TENANTS)
      for (const publisher of TENANTS)
        assert.deepEqual(
          matchesOf(owner, filters, publisher, topic),
          owner === publisher ? expected : [],
          `${owner} ${publisher} ${topic}`,
        );
  }
});

/** Which of a tenant's filters match a topic that another, or the same, publishes to. */
function matchesOf(owner: string, filters: readonly string[], publisher: string, topic: string): string[] {
  const trie = new TopicTrie<string>(0);
  for (const filter of filters) trie.set(routingFilter(owner, filter), filter);
  const found: string[] = [];
  trie.match(routingName(publisher, topic), (filter) => found.push(filter));
  return found.sort();
}
