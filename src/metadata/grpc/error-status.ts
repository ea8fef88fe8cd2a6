import type { ServiceError as CallError } from '@grpc/grpc-js';
import { Metadata, status } from '@grpc/grpc-js';
import { BrokerError, type ErrorCode } from '../../base/errors.js';
import type { RefusalCode, Refused } from '../catalogue/commands.js';
import type { RequestFailure } from '../requests.js';
import { ErrorInfo, StatusDetails } from './generated/robustmq/v1/errors.js';

/*
  How errors leave by gRPC (proto/robustmq/v1/errors.proto): a status that any client understands, and our code and cure beside it.
*/

export const CODE_KEY = 'rmq-code';
export const CURE_KEY = 'rmq-cure';
const DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo';
const DOMAIN = 'robustmq.io';

/** A call that does not get what it wants. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly status: status;
  readonly error: BrokerError;

  constructor(code: status, error: BrokerError) {
    super(error.message, { cause: error });
    this.status = code;
    this.error = error;
  }
}

/** @param why follows the title of the code, in brackets. */
function failure(code: status, errorCode: ErrorCode, why: string): CallFailure {
  return new CallFailure(code, new BrokerError(errorCode, why === '' ? '' : `(${why})`));
}

/** The request can never be accepted. */
export function invalidRequest(why: string): CallFailure {
  return failure(status.INVALID_ARGUMENT, 'RMQ-1031', why);
}

export function notFound(what: string): CallFailure {
  return failure(status.NOT_FOUND, 'RMQ-1031', `${what} is not there`);
}

export function notAuthenticated(why: string): CallFailure {
  return failure(status.UNAUTHENTICATED, 'RMQ-1032', why);
}

export function tooMuch(why: string): CallFailure {
  return failure(status.RESOURCE_EXHAUSTED, 'RMQ-1033', why);
}

export function clusterRefuses(why: string): CallFailure {
  return failure(status.FAILED_PRECONDITION, 'RMQ-1034', why);
}

export function shuttingDown(): CallFailure {
  return failure(status.UNAVAILABLE, 'RMQ-1029', 'the node stops');
}

export function starting(): CallFailure {
  return failure(status.UNAVAILABLE, 'RMQ-1029', 'the node does not have the catalogue yet');
}

export function requestFailure(answer: RequestFailure): CallFailure {
  switch (answer.kind) {
    case 'no-leader':
      return failure(status.UNAVAILABLE, 'RMQ-1029', 'nobody leads; nothing was done');
    case 'busy':
      return failure(status.RESOURCE_EXHAUSTED, 'RMQ-1033', 'the leader has too many requests under way');
    case 'unknown':
      return failure(status.UNKNOWN, 'RMQ-1029', 'there was no answer of the leader; it may have been done');
    case 'invalid':
      return invalidRequest(answer.why);
  }
}

const STATUS_OF_REFUSAL = {
  conflict: status.ABORTED,
  'not-found': status.NOT_FOUND,
  exists: status.ALREADY_EXISTS,
  invalid: status.INVALID_ARGUMENT,
  limit: status.RESOURCE_EXHAUSTED,
  'in-use': status.FAILED_PRECONDITION,
} as const satisfies Record<RefusalCode, status>;

export function refusalFailure({ code, detail }: Refused): CallFailure {
  return failure(STATUS_OF_REFUSAL[code], code === 'conflict' ? 'RMQ-1030' : 'RMQ-1031', detail);
}

/** Of what is no business of the catalogue; the others are bugs of ours to whoever calls. */
const STATUS_OF_CODE: Partial<Record<ErrorCode, status>> = {
  'RMQ-1022': status.ALREADY_EXISTS,
  'RMQ-1023': status.NOT_FOUND,
  'RMQ-1024': status.UNAVAILABLE,
  'RMQ-1029': status.UNAVAILABLE,
  'RMQ-1030': status.ABORTED,
  'RMQ-1031': status.FAILED_PRECONDITION,
  'RMQ-1033': status.RESOURCE_EXHAUSTED,
  'RMQ-1036': status.INVALID_ARGUMENT,
};

/** What main says to a call of robustmq.v1.Mqtt. */
export function brokerFailure(error: BrokerError): CallFailure {
  return new CallFailure(STATUS_OF_CODE[error.code] ?? status.INTERNAL, error);
}

/** @param error of a call; anything but a CallFailure is our bug, of which strangers are told nothing. */
export function statusOf(error: unknown): Pick<CallError, 'code' | 'details' | 'metadata'> {
  if (!(error instanceof CallFailure))
    return { code: status.INTERNAL, details: 'the node failed; its log says how', metadata: new Metadata() };
  const { code: errorCode, cure, message } = error.error;
  const metadata = new Metadata();
  metadata.set(CODE_KEY, errorCode);
  metadata.set(CURE_KEY, toAscii(cure));
  const info = ErrorInfo.encode({ reason: errorCode, domain: DOMAIN, metadata: { cure } }).finish();
  const details = { code: error.status, message, details: [{ typeUrl: ERROR_INFO_TYPE, value: Buffer.from(info) }] };
  metadata.set(DETAILS_KEY, Buffer.from(StatusDetails.encode(details).finish()));
  return { code: error.status, details: message, metadata };
}

/** Metadata without "-bin" has printable ASCII only. */
function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
