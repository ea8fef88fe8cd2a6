import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { type Client, status } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { ClientRow, ListClientsResponse } from '../../../src/metadata/grpc/generated/robustmq/v1/mqtt.js';
import { openClient } from './public-client.js';
import { answerOf, endOf, failureOf } from './raw-calls.js';
import { StubMqtt, startStub } from './stub-access.js';

/** Fields of grpc.reflection.v1.ServerReflectionRequest and -Response. */
const REQUEST = { fileByFilename: 3, fileContainingSymbol: 4, listServices: 7 } as const;
const RESPONSE = { files: 4, names: 6, error: 7 } as const;
const PYTHON = join(dirname(fileURLToPath(import.meta.url)), '../../../../test/metadata/grpc/reflection-client.py');

const ONE_CLIENT: ListClientsResponse = {
  ...ListClientsResponse.decode(new Uint8Array()),
  clients: [{ ...ClientRow.decode(new Uint8Array()), clientId: 'sensor-1' }],
};

/** Asks one thing by reflection. @returns what is in the answer's field, one level down. */
async function reflect(
  client: Client,
  path: string,
  question: number,
  text: string,
): Promise<{ readonly field: number; readonly parts: readonly Buffer[] }> {
  const request = new BinaryWriter()
    .uint32((question << 3) | 2)
    .string(text)
    .finish();
  const identity = (bytes: Buffer): Buffer => bytes;
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(path, identity, identity);
  stream.write(Buffer.from(request));
  const [answer] = await once(stream, 'data', { signal: AbortSignal.timeout(10_000) });
  const ended = endOf(stream);
  stream.end();
  assert.equal((await ended).status, status.OK);
  const outer = partsOf(answer).find(({ field }) => field === RESPONSE.files || field === RESPONSE.names || field === RESPONSE.error);
  assert.ok(outer !== undefined);
  return { field: outer.field, parts: outer.field === RESPONSE.error ? [] : partsOf(outer.bytes).map(({ bytes }) => bytes) };
}

/** Length-delimited fields. */
function partsOf(bytes: Buffer): { readonly field: number; readonly bytes: Buffer }[] {
  const reader = new BinaryReader(bytes);
  const parts: { readonly field: number; readonly bytes: Buffer }[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === 2) parts.push({ field, bytes: Buffer.from(reader.bytes()) });
    else reader.skip(type, field);
  }
  return parts;
}

test('introspection: health says how the server and each part is', async (context) => {
  const { address, server } = await startStub(context, { token: 'not-needed-here-at-all' });
  await server.setServing(true);
  const client = openClient(context, address);
  for (const part of ['', 'robustmq.v1.Catalogue'])
    assert.deepEqual(await answerOf(client, health.Check, { service: part }), { status: 'SERVING' });
  assert.equal((await failureOf(client, health.Check, { service: 'nobody' })).status, status.NOT_FOUND);
  await server.setServing(false);
  assert.deepEqual(await answerOf(client, health.Check, { service: '' }), { status: 'NOT_SERVING' });
});

test('introspection: reflection has every part with all its messages, in both versions', async (context) => {
  const { address, server } = await startStub(context);
  await server.setServing(true);
  const client = openClient(context, address);
  for (const version of ['v1', 'v1alpha']) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const names = await reflect(client, path, REQUEST.listServices, '*');
    assert.deepEqual(names.parts.map((part) => partsOf(part)[0].bytes.toString()).toSorted(), [
      'grpc.health.v1.Health',
      'robustmq.v1.Catalogue',
      'robustmq.v1.Cluster',
      'robustmq.v1.Mqtt',
      'robustmq.v1.Streams',
    ]);
    const files = await reflect(client, path, REQUEST.fileContainingSymbol, 'robustmq.v1.Catalogue.Watch');
    assert.deepEqual(
      files.parts.map((part) => partsOf(part)[0].bytes.toString()).toSorted(),
      ['catalogue', 'cluster', 'resources', 'streams'].map((name) => `robustmq/v1/${name}.proto`),
    );
    const file = await reflect(client, path, REQUEST.fileByFilename, 'robustmq/v1/errors.proto');
    assert.equal(file.parts.length, 1);
    const healthFile = await reflect(client, path, REQUEST.fileContainingSymbol, 'grpc.health.v1.Health');
    assert.ok(healthFile.parts[0].includes('StatusesEntry'), 'clients refuse a map whose entries have another name');
    for (const nobody of ['nobody', '__proto__', 'constructor', ''])
      assert.ok(
        (await reflect(client, path, REQUEST.fileContainingSymbol, nobody)).parts.every((part) => part.length === 0),
        nobody,
      );
  }
});

test('introspection: an independent client calls everything with what reflection told it', async (context) => {
  const python = process.env.GRPC_PYTHON ?? 'python3';
  if (spawnSync(python, ['-c', 'import grpc, grpc_reflection']).status !== 0) {
    context.skip('python3 has no grpcio and grpcio-reflection; GRPC_PYTHON names one that has');
    return;
  }
  const mqtt = new StubMqtt();
  mqtt.reply = { kind: 'answered', response: ListClientsResponse.encode(ONE_CLIENT).finish() };
  const { address, server, access } = await startStub(context, { mqtt });
  await server.setServing(true);
  const child = spawn(python, [PYTHON, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close', { signal: AbortSignal.timeout(60_000) });
  assert.equal(code, 0, output);
  assert.deepEqual(output.trim().split('\n'), [
    'services grpc.health.v1.Health robustmq.v1.Catalogue robustmq.v1.Cluster robustmq.v1.Mqtt robustmq.v1.Streams',
    'leader 1',
    'put 3',
    'listed python',
    'conflict ABORTED RMQ-1030',
    'session 4',
    'watched python',
    'client sensor-1',
  ]);
  assert.notEqual(access.reader.get('user', { tenant: 'default', name: 'python' }), null);
});
