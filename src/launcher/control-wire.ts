import { join } from 'node:path';
import { z } from 'zod';
import { BrokerError } from '../base/errors.js';
import { STREAM_SCHEMA, type StreamSettings } from '../settings/journal-schema.js';

/*
  The control channel: a socket in the data directory that only the owner of the directory may open. One request, one answer, each
  one line of JSON; then the client closes. A `stop` is answered when it has begun. What is long comes in pages: a request each, that says
  where to go on.

    {"verb":"status"}                                            ->   {"ok":true,"body":{...}}
    {"verb":"reload"}                                            ->   {"ok":false,"code":"RMQ-1002","error":"RMQ-1002 settings are ..."}
    {"verb":"stream-read","stream":3,"from":[[0,1200],[1,0]]}    ->   {"ok":true,"body":{"partitions":[...],"silent":[]}}
*/

export const REQUEST_BYTES_MAX = 1_048_576;
/** A page is about 500 kB, but holds one record at least: as base64 that of the longest MQTT packet has 342 MiB. */
export const ANSWER_BYTES_MAX: number = 384 * 2 ** 20;
/** Of one `stream-read`. */
export const PLACES_MAX = 500;
/** Of one `session-list`. */
export const SESSIONS_MAX = 1000;

/** The kernel's limit for the path of a socket, with its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export type ControlRequest = { readonly verb: 'status' | 'reload' | 'stop' } | ControlQuestion;

/** What the node is asked. */
export type ControlQuestion =
  | { readonly verb: 'stream-list' }
  | { readonly verb: 'stream-describe'; readonly name: string }
  | { readonly verb: 'stream-create'; readonly stream: StreamSettings }
  | { readonly verb: 'stream-delete'; readonly name: string }
  | { readonly verb: 'stream-read'; readonly stream: number; readonly from: readonly (readonly [partition: number, offset: number])[] }
  | { readonly verb: 'stream-seek'; readonly stream: number; readonly timestampMs: number }
  | { readonly verb: 'session-list'; readonly after: string; readonly limit: number; readonly match: string }
  | { readonly verb: 'session-show'; readonly clientId: string }
  | { readonly verb: 'session-delete'; readonly clientId: string }
  | { readonly verb: 'journal-status' }
  /** One of admin/questions. Its form is checked where it is answered. */
  | { readonly verb: 'ask'; readonly question: string; readonly ask: unknown }
  | { readonly verb: 'cluster-status' | 'cluster-members' }
  | { readonly verb: 'cluster-join'; readonly address: string; readonly token: string }
  | { readonly verb: 'cluster-leave' | 'cluster-transfer'; readonly node: string };

const whole = z.int().min(0);

export const CONTROL_REQUEST: z.ZodType<ControlRequest, unknown> = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.enum(['status', 'reload', 'stop', 'stream-list', 'journal-status', 'cluster-status', 'cluster-members']) }),
  z.strictObject({ verb: z.enum(['stream-describe', 'stream-delete']), name: z.string() }),
  z.strictObject({ verb: z.literal('stream-create'), stream: STREAM_SCHEMA }),
  z.strictObject({ verb: z.literal('stream-read'), stream: whole, from: z.array(z.tuple([whole, whole])).max(PLACES_MAX) }),
  z.strictObject({ verb: z.literal('stream-seek'), stream: whole, timestampMs: z.number() }),
  z.strictObject({ verb: z.literal('session-list'), after: z.string(), limit: whole.max(SESSIONS_MAX), match: z.string() }),
  z.strictObject({ verb: z.enum(['session-show', 'session-delete']), clientId: z.string() }),
  z.strictObject({ verb: z.literal('ask'), question: z.string(), ask: z.unknown() }),
  z.strictObject({ verb: z.literal('cluster-join'), address: z.string(), token: z.string() }),
  z.strictObject({ verb: z.enum(['cluster-leave', 'cluster-transfer']), node: z.string() }),
]);

export const CONTROL_ANSWER: z.ZodType<ControlAnswer> = z.union([
  z.strictObject({ ok: z.literal(true), body: z.unknown() }),
  z.strictObject({ ok: z.literal(false), code: z.string(), error: z.string() }),
]);
export type ControlAnswer =
  | { readonly ok: true; readonly body: unknown }
  /** `code`: empty where the error has none. */
  | { readonly ok: false; readonly code: string; readonly error: string };

export function controlPathOf(dataPath: string): string {
  const path = join(dataPath, 'control.sock');
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new BrokerError('RMQ-1015', `at ${path}: the path is longer than ${SOCKET_PATH_BYTES_MAX} bytes`, {
      cure: 'Use a shorter data_path',
    });
  }
  return path;
}

/** Collects text up to a line feed. */
export class LineBuffer {
  readonly #lengthMax: number;
  readonly #chunks: string[] = [];
  #length = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** @returns the line without its line feed; null if it is not whole yet; throws RMQ-1015 if it is too long. */
  push(chunk: string): string | null {
    const end = chunk.indexOf('\n');
    this.#chunks.push(end === -1 ? chunk : chunk.slice(0, end));
    if (end !== -1) return this.#chunks.join('');
    this.#length += chunk.length;
    if (this.#length > this.#lengthMax) throw new BrokerError('RMQ-1015', '(a line is too long)');
    return null;
  }
}

/** The line as JSON that the schema accepts; null if it is not. */
export function parseLine<T>(line: string, schema: z.ZodType<T>): T | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null; // Not JSON: as wrong as any other shape.
  }
  return schema.safeParse(value).data ?? null;
}
