import { join } from 'node:path';
import { z } from 'zod';
import { BrokerError } from '../base/errors.js';

/*
  The control channel: a socket in the data directory that only the owner of the directory may open. One request, one answer, each
  one line of JSON; then the client closes. A `stop` is answered when it has begun.

    {"verb":"status"}   ->   {"ok":true,"body":{...}}
    {"verb":"reload"}   ->   {"ok":false,"error":"RMQ-1002 settings are not valid ..."}
*/

export const CONTROL_LINE_BYTES_MAX = 1_048_576;

/** The kernel's limit for the path of a socket, with its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export const CONTROL_REQUEST: z.ZodType<ControlRequest> = z.strictObject({ verb: z.enum(['status', 'reload', 'stop']) });
export interface ControlRequest {
  readonly verb: 'status' | 'reload' | 'stop';
}

export const CONTROL_ANSWER: z.ZodType<ControlAnswer> = z.union([
  z.strictObject({ ok: z.literal(true), body: z.unknown() }),
  z.strictObject({ ok: z.literal(false), error: z.string() }),
]);
export type ControlAnswer = { readonly ok: true; readonly body: unknown } | { readonly ok: false; readonly error: string };

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
  #text = '';

  /** @returns the line without its line feed; null if it is not whole yet; throws RMQ-1015 if it is too long. */
  push(chunk: string): string | null {
    this.#text += chunk;
    const end = this.#text.indexOf('\n');
    if (end !== -1) return this.#text.slice(0, end);
    if (this.#text.length > CONTROL_LINE_BYTES_MAX) throw new BrokerError('RMQ-1015', '(a line is too long)');
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
