import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routingName } from '../../src/base/tenant-names.js';
import { sharedPolicies } from '../../src/runtime/shared-policies.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';

test('shared policies: a filter of the settings is that of every tenant, as its clients write it', () => {
  const shared_groups = [
    { group: 'g', filter: 'jobs/#', durable: true },
    { group: 'g', filter: '$x/jobs', durable: true },
  ];
  const policies = sharedPolicies(SETTINGS_SCHEMA.parse({ mqtt: { shared_groups } }).mqtt);
  for (const tenant of ['default', 'acme']) {
    for (const filter of ['jobs/#', '$x/jobs'])
      assert.equal(policies('g', routingName(tenant, filter)).isDurable, true, `${tenant} ${filter}`);
    assert.equal(policies('g', routingName(tenant, 'jobs/+')).isDurable, false);
    assert.equal(policies('h', routingName(tenant, 'jobs/#')).isDurable, false);
  }
});
