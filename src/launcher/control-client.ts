import { connect } from 'node:net';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import { ANSWER_BYTES_MAX, CONTROL_ANSWER, type ControlRequest, controlPathOf, LineBuffer, parseLine } from './control-wire.js';

/**
 * Asks the server of a data directory.
 * @returns the body of its answer inside an object, or null if no server listens there. Throws RMQ-1015 if it does not answer within
 * `timeoutMs` or answers with an error that carries its own code.
 */
export function askControl(dataPath: string, request: ControlRequest, timeoutMs: number): Promise<{ readonly body: unknown } | null> {
  const path = controlPathOf(dataPath);
  return new Promise((resolve, reject) => {
    const buffer = new LineBuffer(ANSWER_BYTES_MAX);
    const socket = connect(path, () => socket.write(`${JSON.stringify(request)}\n`));
    socket.setEncoding('utf8');
    const fail = (error: unknown): void => {
      reject(error);
      socket.destroy();
    };
    const timer = setTimeout(() => fail(new BrokerError('RMQ-1015', `at ${path}: no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.on('data', (chunk) => {
      try {
        const line = buffer.push(String(chunk));
        if (line === null) return;
        const answer = parseLine(line, CONTROL_ANSWER);
        if (answer === null) throw new BrokerError('RMQ-1015', `at ${path}: the answer is not understood`);
        if (!answer.ok) throw new RemoteError(answer.code, answer.error);
        resolve({ body: answer.body });
        socket.destroy();
      } catch (error) {
        fail(error);
      }
    });
    socket.on('error', (error) => {
      const code = systemCodeOf(error);
      if (code === 'ENOENT' || code === 'ECONNREFUSED') resolve(null);
      else fail(new BrokerError('RMQ-1015', `at ${path}: ${code}`, { cause: error }));
    });
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new BrokerError('RMQ-1015', `at ${path}: closed without an answer`)); // Without effect if it was settled before.
    });
  });
}

/** The server's own error line, code and cure included: shown as it is. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  /** Empty if it has none. */
  readonly code: string;

  constructor(code: string, line: string) {
    super(line);
    this.code = code;
  }
}
