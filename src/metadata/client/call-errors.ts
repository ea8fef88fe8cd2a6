import type { ServiceError as CallError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { BrokerError, ERROR_TABLE, type ErrorCode } from '../../base/errors.js';
import { CODE_KEY, CURE_KEY } from '../grpc/error-status.js';

/**
 * The node could not do it now, or the connection to it is lost. With the same request id it can be done again, at any node. Nobody cancels on this
 * side: a call that is cancelled was by a node that ends in haste.
 */
export function isWorthRepeating(error: CallError): boolean {
  if (error.code === status.UNAVAILABLE || error.code === status.CANCELLED) return true;
  return error.code === status.UNKNOWN && codeOf(error) === 'RMQ-1029';
}

/** What the node said, as an error of ours. */
export function brokerErrorOf(error: CallError): BrokerError {
  const code = codeOf(error);
  if (code === null) return new BrokerError('RMQ-1029', `(${status[error.code]}: ${error.details})`, { cause: error });
  const [cure] = error.metadata.get(CURE_KEY);
  const beginning = `${code} ${ERROR_TABLE[code].title}`;
  const detail = error.details.startsWith(beginning) ? error.details.slice(beginning.length).trimStart() : `(${error.details})`;
  return new BrokerError(code, detail, { cause: error, ...(typeof cure === 'string' ? { cure } : {}) });
}

function codeOf(error: CallError): ErrorCode | null {
  const [code] = error.metadata?.get(CODE_KEY) ?? [];
  return typeof code === 'string' && isErrorCode(code) ? code : null;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}
