import type { ServiceDefinition as Definition } from '@grpc/grpc-js';
import { CallFailure, invalidRequest, tooMuch } from './error-status.js';

/** Of a request of the public API. Peers may send more by the same port, so the server's own limit is not enough. */
export const REQUEST_BYTES_MAX: number = 4 * 1024 * 1024;

/** A request, or why it is none: the library would call both a fault of ours. */
export type Checked<Q> = Q | CallFailure;

/** The same methods, whose requests arrive as `Checked`. */
export function checkedDefinition(definition: Definition): Definition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [name, { ...method, requestDeserialize: checked(method.requestDeserialize) }]),
  );
}

function checked<Q>(parse: (bytes: Buffer) => Q): (bytes: Buffer) => Checked<Q> {
  return (bytes) => {
    if (bytes.length > REQUEST_BYTES_MAX) return tooMuch(`a request has at most ${REQUEST_BYTES_MAX} bytes`);
    try {
      return parse(bytes);
    } catch (error) {
      return invalidRequest(error instanceof Error ? error.message : 'it is not well-formed'); // Whatever the decoder finds wrong.
    }
  };
}

/** @throws CallFailure */
export function requestOf<Q>(request: Checked<Q>): Q {
  if (request instanceof CallFailure) throw request;
  return request;
}
