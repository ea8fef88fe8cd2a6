import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { AdminAccess } from '../admin/ports.js';
import { authorityOf } from '../base/authority.js';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { HttpSettings } from '../settings/http-schema.js';

const TOKEN_BYTES = 24;
const TOKEN_FORM = /^[\x21-\x7e]{16,256}$/;
/** While the node starts: alive, and not more. */
const ALIVE = '/health/live';

/**
 * The HTTP port of the node, on the main thread. It is taken with the other ports, so that one in use is an error of the start. What it serves is
 * loaded with the first request that comes when the node serves: whoever never asks pays nothing.
 */
export class HttpPort {
  readonly port: number;
  readonly address: string;
  readonly #settings: HttpSettings;
  readonly #server: Server;
  #listener: RequestListener | null = null;
  /** Null: the node does not serve yet. */
  #load: (() => Promise<void>) | null = null;
  #loaded: Promise<void> | null = null;
  #closeApp: () => Promise<void> = async () => {};

  /** @throws BrokerError RMQ-1003. */
  static async claim(settings: HttpSettings): Promise<HttpPort> {
    const { host, port } = settings;
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        const why = systemCodeOf(error) === 'EADDRINUSE' ? 'in use' : error.message;
        const cure = 'Stop the process that has the port, or set http.port (0 picks a free one)';
        reject(new BrokerError('RMQ-1003', `on ${authorityOf(host, port)} (http): ${why}`, { cause: error, cure }));
      });
      server.listen({ host, port, exclusive: true }, resolve);
    });
    return new HttpPort(settings, server);
  }

  private constructor(settings: HttpSettings, server: Server) {
    const bound = server.address();
    this.#settings = settings;
    this.#server = server;
    this.port = typeof bound === 'object' && bound !== null ? bound.port : settings.port;
    this.address = authorityOf(settings.host, this.port);
    server.on('request', (request, response) => void this.#onRequest(request, response));
    server.unref(); // The node's life does not hang on it.
  }

  /** From now on it answers for the node. @throws BrokerError RMQ-1005 if the token cannot be kept. */
  serve(access: AdminAccess, dataPath: string, log: Logger): void {
    const { metrics, token: given } = this.#settings;
    const token = given === '' ? keptToken(dataPath) : given;
    this.#load = async () => {
      const [{ openAdminApp }, { AccessToken }] = await Promise.all([
        import('../admin/http/app.js'),
        import('../admin/http/access-token.js'),
      ]);
      const onRequests = (listener: RequestListener): void => {
        this.#listener = listener;
      };
      const app = await openAdminApp({ access, token: new AccessToken(token), metrics, log, server: this.#server, onRequests });
      this.#closeApp = () => app.close();
    };
  }

  /** Requests under way end at once: whoever asked asks another node. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#closeApp();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#listener === null && this.#load !== null) {
      this.#loaded ??= this.#load();
      await this.#loaded;
    }
    if (this.#listener !== null) {
      this.#listener(request, response);
      return;
    }
    const isAlive = request.url === ALIVE;
    response.writeHead(isAlive ? 200 : 503, { 'content-type': 'application/json', 'retry-after': '1' });
    response.end(JSON.stringify({ status: isAlive ? 'ok' : 'starting' }));
  }
}

/** The token of this data directory, made if there is none. @throws BrokerError RMQ-1005. */
function keptToken(dataPath: string): string {
  const path = join(dataPath, 'secrets', 'http-token');
  try {
    const kept = readIfThere(path);
    if (kept !== null) {
      if (TOKEN_FORM.test(kept)) return kept;
      throw new BrokerError('RMQ-1005', `${path}: this is no token`, { cure: 'Remove the file, and the next start makes another one' });
    }
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    mkdirSync(join(dataPath, 'secrets'), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return token;
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw new BrokerError('RMQ-1005', `${path}: ${systemCodeOf(error)}`, { cause: error });
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
