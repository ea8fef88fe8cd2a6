import { BrokerError, type ErrorCode } from '../../base/errors.js';

/*
  What went wrong, as RFC 9457 has it:

    {"type":"about:blank","title":"not found","status":404,"detail":"(client \"c\" is not connected)","code":"RMQ-1023","hint":"Look for it ..."}
*/

export const PROBLEM_TYPE = 'application/problem+json';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** RMQ-..., as in ERRORS.md. Empty: it has none. */
  readonly code: string;
  readonly hint: string;
}

const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  'RMQ-1022': 409,
  'RMQ-1023': 404,
  'RMQ-1024': 503,
  'RMQ-1029': 503,
  'RMQ-1030': 412,
  'RMQ-1031': 409,
  'RMQ-1032': 401,
  'RMQ-1033': 429,
  'RMQ-1036': 400,
};

export function problemOf(error: unknown): Problem {
  if (error instanceof BrokerError) {
    const title = new BrokerError(error.code, '').message.slice(error.code.length + 1);
    const detail = error.message.slice(error.code.length + 1 + title.length).trim();
    return { type: 'about:blank', title, status: STATUS_BY_CODE[error.code] ?? 500, detail, code: error.code, hint: error.cure };
  }
  const status = statusOf(error);
  // What a framework says of a bad request is for the caller; anything else is our bug, and nobody's business.
  const detail = status < 500 && error instanceof Error ? error.message : 'a bug in this program; the log of the server has more';
  return { type: 'about:blank', title: status < 500 ? 'bad request' : 'internal error', status, detail, code: '', hint: '' };
}

/** A refusal that is no error of the node. */
export function problem(status: number, title: string, detail: string): Problem {
  return { type: 'about:blank', title, status, detail, code: '', hint: '' };
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
}
