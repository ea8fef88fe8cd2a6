import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { BrokerError, describeError, systemCodeOf } from '../base/errors.js';
import { askControl } from './control-client.js';
import {
  CONTROL_REQUEST,
  type ControlAnswer,
  type ControlQuestion,
  type ControlRequest,
  controlPathOf,
  LineBuffer,
  parseLine,
  REQUEST_BYTES_MAX,
} from './control-wire.js';
import { inUse } from './data-lock.js';

/** What the server does for each request. What they throw is sent as the error. */
export interface ControlVerbs {
  status(): unknown;
  reload(): unknown;
  /** Begins to stop. */
  stop(): void;
  ask(question: ControlQuestion): Promise<unknown>;
}

/** The request must be there by then. */
const REQUEST_MS_MAX = 10_000;
/** Two rounds of questions to shards, and an answer that is long. */
const ANSWER_MS_MAX = 60_000;

export interface ControlServer {
  close(): void;
}

/**
 * Listens on the control socket. The caller has the lock of the directory, so a socket file that is there was left by a killed
 * broker, unless it answers: then a broker in another network namespace has this directory, and RMQ-1004 is thrown.
 */
export async function openControlServer(dataPath: string, verbs: ControlVerbs): Promise<ControlServer> {
  const path = controlPathOf(dataPath);
  if ((await askControl(dataPath, { verb: 'status' }, 1000)) !== null) throw inUse(dataPath);
  rmSync(path, { force: true });

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.unref();
    socket.on('close', () => sockets.delete(socket));
    serve(socket, verbs);
  });
  server.maxConnections = 64;
  await listenOn(server, path);
  server.unref();
  return {
    close: () => {
      server.close(); // Removes the file too.
      for (const socket of sockets) socket.destroy();
    },
  };
}

function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', (error) => reject(new BrokerError('RMQ-1015', `at ${path}: ${systemCodeOf(error)}`, { cause: error })));
    const umask = process.umask(0o177); // The socket is for the owner alone from its first moment; binding happens within `listen`.
    server.listen(path, () => resolve());
    process.umask(umask);
  });
}

function serve(socket: Socket, verbs: ControlVerbs): void {
  const buffer = new LineBuffer(REQUEST_BYTES_MAX);
  socket.setEncoding('utf8');
  socket.setTimeout(REQUEST_MS_MAX, () => socket.destroy());
  socket.on('error', () => socket.destroy()); // The client went away.
  socket.on('data', (chunk) => {
    try {
      const line = buffer.push(String(chunk));
      if (line === null) return;
      socket.removeAllListeners('data');
      socket.setTimeout(ANSWER_MS_MAX);
      const request = parseLine(line, CONTROL_REQUEST);
      if (request === null)
        throw new BrokerError('RMQ-1015', '(the request is not understood)', { cure: 'Use the robust-ctl of the server' });
      Promise.resolve(bodyOf(request, verbs)).then(
        (body) => answer(socket, { ok: true, body: body ?? null }),
        (error) => refuse(socket, error),
      );
    } catch (error) {
      refuse(socket, error);
    }
  });
}

function bodyOf(request: ControlRequest, verbs: ControlVerbs): unknown {
  switch (request.verb) {
    case 'status':
    case 'reload':
    case 'stop':
      return verbs[request.verb]();
    default:
      return verbs.ask(request);
  }
}

function refuse(socket: Socket, error: unknown): void {
  answer(socket, { ok: false, code: error instanceof BrokerError ? error.code : '', error: describeError(error) });
}

function answer(socket: Socket, content: ControlAnswer): void {
  socket.end(`${JSON.stringify(content)}\n`);
}
