import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { QUESTIONS } from '../../../src/admin/questions/catalogue.js';
import { BrokerError } from '../../../src/base/errors.js';
import { keysOf } from '../../../src/metadata/catalogue/forms.js';
import {
  MqttService,
  PublishRequest,
  PutUserRequest,
  PutWhen,
  StartTraceRequest,
  TraceKind,
} from '../../../src/metadata/grpc/generated/robustmq/v1/mqtt.js';
import { VERBS } from '../../../src/runtime/mqtt-api/verbs.js';

const NOTHING = new Uint8Array();
/** Records of the catalogue: the service Catalogue lists, writes and deletes them. */
const OF_CATALOGUE = /^mqtt-(?:(?:acl-rule|ban|topic-rewrite|auto-subscription|tenant)-(?:list|put|delete)|user-(?:list|delete))$/;

function fieldsOf(question: string): readonly string[] {
  const found = QUESTIONS.find(({ name }) => name === question) ?? assert.fail(question);
  return Object.keys(z.toJSONSchema(found.asks, { io: 'input', unrepresentable: 'any' }).properties ?? {}).sort();
}

test('mqtt verbs: every question is a method, or of records that the service Catalogue has', () => {
  const asked = new Set(Object.values(VERBS).map(({ question }) => question));
  for (const { name } of QUESTIONS) assert.equal(asked.has(name), !OF_CATALOGUE.test(name), name);
  assert.equal(asked.size, Object.keys(VERBS).length);
});

test('mqtt verbs: a request has exactly the fields of its question', () => {
  const renamed: Readonly<Record<string, string>> = { pageSize: 'limit', pageToken: 'after', expectedRevision: 'expected' };
  for (const method of keysOf(VERBS)) {
    const names = Object.keys(MqttService[method].requestDeserialize(Buffer.alloc(0))).map((name) => renamed[name] ?? name);
    assert.deepEqual(names.sort(), fieldsOf(VERBS[method].question), method);
  }
});

test('mqtt verbs: what an empty request does not say has the default of the question', () => {
  for (const method of keysOf(VERBS)) {
    const question = QUESTIONS.find(({ name }) => name === VERBS[method].question) ?? assert.fail(method);
    const judged = question.asks.safeParse(VERBS[method].askOf(NOTHING));
    // Nothing but texts and words that have to be given may be missing.
    for (const { code, path } of judged.error?.issues ?? [])
      assert.match(`${code} ${path.join('.')}`, /^(?:too_small|invalid_\w+) (?:name|id|topic|filter|value|kind|action|clientId)$/, method);
  }
  const listed = QUESTIONS.find(({ name }) => name === 'mqtt-retained-list')?.asks.parse(VERBS.listRetained.askOf(NOTHING));
  assert.deepEqual(listed, { after: '', limit: 50, tenant: 'default', filter: '#' });
});

test('mqtt verbs: what is given arrives, also where it is zero or empty', () => {
  const message = PublishRequest.encode({
    ...PublishRequest.decode(NOTHING),
    ...{ topic: 'a', payload: Buffer.from([0, 255]), qos: 0, userProperties: [{ name: 'n', value: '' }] },
  });
  assert.deepEqual(VERBS.publish.askOf(message.finish()), {
    ...{ topic: 'a', payload: { base64: 'AP8=' }, qos: 0, retain: false, expirySeconds: 0, contentType: '', userProperties: [['n', '']] },
  });
  const user = PutUserRequest.encode({
    ...PutUserRequest.decode(NOTHING),
    name: 'ann',
    password: '',
    when: PutWhen.CHANGE,
    expectedRevision: 0,
  });
  assert.deepEqual(VERBS.putUser.askOf(user.finish()), { name: 'ann', password: '', when: 'change', expected: 0 });
  const trace = StartTraceRequest.encode({ ...StartTraceRequest.decode(NOTHING), name: 'x', kind: TraceKind.ADDRESS, value: '::1' });
  assert.deepEqual(VERBS.startTrace.askOf(trace.finish()), { name: 'x', kind: 'address', value: '::1', payloadBytesMax: 0 });
});

test('mqtt verbs: a number that stands for no word, and bytes that are no message, are refused', async () => {
  const odd = Buffer.from([0x10, 99]); // StartTraceRequest.kind = 99
  assert.deepEqual((VERBS.startTrace.askOf(odd) as { kind: unknown }).kind, 'number 99');
  for (const bytes of [Buffer.from([0x0a, 0xff]), Buffer.from([0xff])])
    await assert.rejects(
      async () => VERBS.getClient.answer(() => assert.fail('nobody is asked'), bytes),
      (error: unknown) => error instanceof BrokerError && error.code === 'RMQ-1036',
    );
});

test('mqtt verbs: nulls of an answer are fields that are not there, and its page goes on where it says', async () => {
  const row = { tenant: 't', topic: 'a', qos: 1, bytes: 2, receivedAtMs: 3, expiresAtMs: null };
  const bytes = await VERBS.listRetained.answer(
    async () => ({ items: [row, { ...row, expiresAtMs: 9 }], next: 'on', silent: [4] }),
    NOTHING,
  );
  const page = MqttService.listRetained.responseDeserialize(Buffer.from(bytes));
  assert.deepEqual([page.nextPageToken, page.silentShards], ['on', [4]]);
  assert.deepEqual(
    page.messages.map(({ expiresAtMs }) => expiresAtMs),
    [undefined, 9],
  );
  const last = await VERBS.listTraces.answer(async () => ({ items: [], next: null, silent: [] }), NOTHING);
  assert.equal(MqttService.listTraces.responseDeserialize(Buffer.from(last)).nextPageToken, '');
});
