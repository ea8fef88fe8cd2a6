import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { BrokerError } from '../../../src/base/errors.js';
import { MqttService } from '../../../src/metadata/grpc/generated/robustmq/v1/mqtt.js';
import { MQTT_DEFINITION } from '../../../src/metadata/grpc/mqtt-calls.js';
import type { MqttAccess, MqttReply } from '../../../src/metadata/grpc/ports.js';
import { until } from '../../runtime/running-node.js';
import { openClient } from './public-client.js';
import { answerOf, failureOf } from './raw-calls.js';
import { StubMqtt, startStub } from './stub-access.js';

test('mqtt calls: the methods are those of the service, in its own order', () => {
  assert.deepEqual(
    Object.entries(MQTT_DEFINITION).map(([name, { path }]) => [name, path]),
    Object.entries(MqttService).map(([name, { path }]) => [name, path]),
  );
});

test('mqtt calls: a call goes to who is asked as its bytes, with who calls, and its answer comes back', async (context) => {
  const mqtt = new StubMqtt();
  mqtt.reply = { kind: 'answered', response: MqttService.deleteSession.responseSerialize({ clientId: 'c' }) };
  const { address, server } = await startStub(context, { mqtt });
  await server.setServing(true);
  const request = { clientId: 'c', tenant: 't' };
  assert.deepEqual(await answerOf(openClient(context, address), MqttService.deleteSession, request), { clientId: 'c' });
  const [call] = mqtt.calls;
  assert.equal(call.method, 'deleteSession');
  assert.match(call.by, /^grpc 127\.0\.0\.1:\d+$/);
  assert.deepEqual(MqttService.deleteSession.requestDeserialize(Buffer.from(call.request)), request);
});

test('mqtt calls: what is refused has the status, the code and the cure of its error', async (context) => {
  const mqtt = new StubMqtt();
  const { address, server } = await startStub(context, { mqtt });
  await server.setServing(true);
  const client = openClient(context, address);
  const refused = async (error: BrokerError): Promise<readonly unknown[]> => {
    mqtt.reply = { kind: 'refused', error };
    const failed = await failureOf(client, MqttService.stopTrace, { name: 'n' });
    return [failed.status, failed.code, failed.cure];
  };
  assert.deepEqual(await refused(new BrokerError('RMQ-1023', '(x)', { cure: 'look' })), [status.NOT_FOUND, 'RMQ-1023', 'look']);
  const statuses: Partial<Record<string, status>> = {};
  for (const code of ['RMQ-1024', 'RMQ-1030', 'RMQ-1031', 'RMQ-1033', 'RMQ-1036', 'RMQ-1026'] as const)
    statuses[code] = Number((await refused(new BrokerError(code, '(x)')))[0]);
  assert.deepEqual(statuses, {
    'RMQ-1024': status.UNAVAILABLE,
    'RMQ-1030': status.ABORTED,
    'RMQ-1031': status.FAILED_PRECONDITION,
    'RMQ-1033': status.RESOURCE_EXHAUSTED,
    'RMQ-1036': status.INVALID_ARGUMENT,
    'RMQ-1026': status.INTERNAL,
  });
  mqtt.reply = { kind: 'failed', what: 'secret inner words' };
  const failed = await failureOf(client, MqttService.stopTrace, { name: 'n' });
  assert.equal(failed.status, status.INTERNAL);
  assert.doesNotMatch(failed.details, /secret/);
});

test('mqtt calls: without the token nobody is asked', async (context) => {
  const mqtt = new StubMqtt();
  const token = 'a-token-of-the-cluster';
  const { address, server } = await startStub(context, { mqtt, token });
  await server.setServing(true);
  const client = openClient(context, address);
  assert.equal((await failureOf(client, MqttService.stopTrace, { name: 'n' })).status, status.UNAUTHENTICATED);
  assert.equal((await failureOf(client, MqttService.stopTrace, { name: 'n' }, { token: 'another-token' })).status, status.UNAUTHENTICATED);
  assert.equal(mqtt.calls.length, 0);
  await answerOf(client, MqttService.stopTrace, { name: 'n' }, { token });
  assert.equal(mqtt.calls.length, 1);
});

test('mqtt calls: nobody waits longer than the call says, and an answer that comes later goes nowhere', async (context) => {
  const held: ((reply: MqttReply) => void)[] = [];
  const mqtt: MqttAccess = { ask: (_call, done) => void held.push(done) };
  const { address, server } = await startStub(context, { mqtt });
  await server.setServing(true);
  const client = openClient(context, address);
  const late = await failureOf(client, MqttService.stopTrace, { name: 'n' }, { deadlineMs: 200 });
  assert.equal(late.status, status.DEADLINE_EXCEEDED);
  held[0]({ kind: 'answered', response: new Uint8Array() });
  const next = answerOf(client, MqttService.stopTrace, { name: 'n' });
  await until('it is asked', () => held.length === 2);
  held[1]({ kind: 'answered', response: MqttService.stopTrace.responseSerialize({ text: 'this one' }) });
  assert.deepEqual(await next, { text: 'this one' });
});
