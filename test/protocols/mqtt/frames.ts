import assert from 'node:assert/strict';
import { ProtocolViolation } from '../../../src/protocols/mqtt/errors.js';

/**
 * Bytes from a line of tokens: hex digits as they are, 'text' in UTF-8, s'text' with a u16 length in front. The first byte is followed by
 * the remaining length, computed.
 */
export function frame(firstByte: number, line: string): Uint8Array {
  const body = bytesOf(line);
  assert.ok(body.length < 16_384, 'a frame of the tests is short');
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7];
  return Uint8Array.from([firstByte, ...length, ...body]);
}

export function bytesOf(line: string): Uint8Array {
  const parts: number[] = [];
  for (const token of line.match(/s?'[^']*'|\S+/g) ?? []) {
    const quote = token.indexOf("'");
    if (quote < 0) {
      parts.push(...Buffer.from(token, 'hex'));
      continue;
    }
    const text = Buffer.from(token.slice(quote + 1, -1));
    if (quote === 1) parts.push(text.length >> 8, text.length & 0xff);
    parts.push(...text);
  }
  return Uint8Array.from(parts);
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Asserts that `call` throws a ProtocolViolation with this reason code. */
export function violates(call: () => unknown, reasonCode: number, message?: string): void {
  assert.throws(call, (error) => error instanceof ProtocolViolation && error.reasonCode === reasonCode, message);
}
