import type { ReadOutcome } from '../raft/driver/ports.js';
import type { NodeId } from '../raft/messages.js';
import { readWhole, WIDE_BYTES, writeWide } from '../raft/wide-number.js';
import { WireReader } from '../wire/reader.js';
import { WireViolation } from '../wire/violation.js';
import { WireWriter } from '../wire/writer.js';
import { decodeBatch, encodeBatch } from './catalogue/command-codec.js';
import type { CommandEnvelope } from './catalogue/commands.js';
import { decodeOutcomes, encodeOutcomes } from './catalogue/outcome-codec.js';
import type { CommandsOutcome } from './command-batcher.js';

/*
  What a node asks the leader for its callers, and the answer. Integers are big-endian; a wide is
  a u64.

    request   1 propose    | batch of commands; the leader puts its own time there
              2 read
              3 transfer   | node wide

    answer    1 applied    | index wide | outcomes                  0 done
              2 fresh      | index wide
              3 not leader | leader wide
              4 busy     5 lost     6 unknown     7 invalid | why
*/

export type ForwardedRequest =
  | { readonly kind: 'propose'; readonly envelopes: readonly CommandEnvelope[] }
  | { readonly kind: 'read' }
  | { readonly kind: 'transfer'; readonly to: NodeId };

export type ForwardedAnswer = CommandsOutcome | ReadOutcome | { readonly kind: 'done' };

const REQUEST = { propose: 1, read: 2, transfer: 3 } as const;
const ANSWER = { done: 0, applied: 1, fresh: 2, 'not-leader': 3, busy: 4, lost: 5, unknown: 6, invalid: 7 } as const;
const HEAD_BYTES = 1 + WIDE_BYTES;

export function encodeRequest(request: ForwardedRequest): Uint8Array {
  switch (request.kind) {
    case 'propose':
      return withHead(REQUEST.propose, null, encodeBatch({ atMs: 0, envelopes: request.envelopes }));
    case 'read':
      return withHead(REQUEST.read, null);
    case 'transfer':
      return withHead(REQUEST.transfer, request.to);
  }
}

/** @throws WireViolation, NewerVersion. */
export function decodeRequest(bytes: Uint8Array): ForwardedRequest {
  switch (bytes[0]) {
    case REQUEST.propose:
      return { kind: 'propose', envelopes: decodeBatch(bytes.subarray(1)).envelopes };
    case REQUEST.read:
      return { kind: 'read' };
    case REQUEST.transfer:
      return { kind: 'transfer', to: numberOf(bytes) };
    default:
      throw new WireViolation('a forwarded request of an unknown kind');
  }
}

export function encodeAnswer(answer: ForwardedAnswer): Uint8Array {
  switch (answer.kind) {
    case 'applied':
      return withHead(ANSWER.applied, answer.index, encodeOutcomes(answer.result));
    case 'fresh':
      return withHead(ANSWER.fresh, answer.index);
    case 'not-leader':
      return withHead(ANSWER['not-leader'], answer.leader);
    case 'invalid':
      return withHead(ANSWER.invalid, null, Buffer.from(answer.why));
    default:
      return withHead(ANSWER[answer.kind], null);
  }
}

/** @throws WireViolation. */
export function decodeAnswer(bytes: Uint8Array): ForwardedAnswer {
  switch (bytes[0]) {
    case ANSWER.done:
      return { kind: 'done' };
    case ANSWER.applied:
      return { kind: 'applied', index: numberOf(bytes), result: decodeOutcomes(new WireReader(bytes, HEAD_BYTES, bytes.length)) };
    case ANSWER.fresh:
      return { kind: 'fresh', index: numberOf(bytes) };
    case ANSWER['not-leader']:
      return { kind: 'not-leader', leader: numberOf(bytes) };
    case ANSWER.busy:
      return { kind: 'busy' };
    case ANSWER.lost:
      return { kind: 'lost' };
    case ANSWER.unknown:
      return { kind: 'unknown' };
    case ANSWER.invalid:
      return { kind: 'invalid', why: Buffer.from(bytes.subarray(1)).toString('utf8') };
    default:
      throw new WireViolation('a forwarded answer of an unknown kind');
  }
}

function withHead(kind: number, number: number | null, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const headBytes = number === null ? 1 : HEAD_BYTES;
  const bytes = Buffer.allocUnsafe(headBytes + body.length);
  const writer = new WireWriter(bytes);
  writer.writeU8(kind);
  if (number !== null) writeWide(writer, number);
  bytes.set(body, headBytes);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return readWhole(new WireReader(bytes, 1, bytes.length));
}
