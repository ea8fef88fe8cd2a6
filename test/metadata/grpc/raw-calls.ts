import type { EventEmitter } from 'node:events';
import type { ServiceError as CallError, Client, MethodDefinition, StatusObject } from '@grpc/grpc-js';
import { Metadata, status } from '@grpc/grpc-js';

/* Single calls as any client of gRPC makes them, without ours. */

export interface Failed {
  readonly status: status;
  readonly details: string;
  readonly code: string;
  readonly cure: string;
  readonly metadata: Metadata;
}

export type Called<A> = { readonly answer: A; readonly failed: null } | { readonly answer: null; readonly failed: Failed };

export interface CallChanges {
  readonly token?: string;
  readonly deadlineMs?: number;
}

export function call<Q, A>(client: Client, method: MethodDefinition<Q, A>, request: Q, changes: CallChanges = {}): Promise<Called<A>> {
  const metadata = metadataOf(changes.token);
  const options = changes.deadlineMs === undefined ? {} : { deadline: Date.now() + changes.deadlineMs };
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, options, (error, answer) => {
      if (error !== null) resolve({ answer: null, failed: failedOf(error) });
      else if (answer === undefined) reject(new Error('neither answer nor error'));
      else resolve({ answer, failed: null });
    });
  });
}

export async function answerOf<Q, A>(client: Client, method: MethodDefinition<Q, A>, request: Q, changes: CallChanges = {}): Promise<A> {
  const called = await call(client, method, request, changes);
  if (called.failed !== null) throw new Error(`${status[called.failed.status]}: ${called.failed.details}`);
  return called.answer;
}

export async function failureOf<Q, A>(
  client: Client,
  method: MethodDefinition<Q, A>,
  request: Q,
  changes: CallChanges = {},
): Promise<Failed> {
  const called = await call(client, method, request, changes);
  if (called.failed === null) throw new Error(`it was answered: ${JSON.stringify(called.answer)}`);
  return called.failed;
}

function failedOf({ code, details, metadata }: CallError | StatusObject): Failed {
  const [rmqCode] = metadata.get('rmq-code');
  const [cure] = metadata.get('rmq-cure');
  return { status: code, details, code: String(rmqCode ?? ''), cure: String(cure ?? ''), metadata };
}

export function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** How a stream ends. */
export function endOf(stream: EventEmitter): Promise<Failed> {
  return new Promise((resolve) => {
    stream.on('error', () => undefined); // The status says the same.
    stream.on('status', (ended: StatusObject) => resolve(failedOf(ended)));
  });
}
