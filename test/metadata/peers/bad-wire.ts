import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';

/** A wire to a port. Frozen, it carries nothing any more and tells nobody; slow, it carries all, in its time. */
export class BadWire {
  readonly address: string;
  /** Connections that were made through it. */
  connections = 0;
  bytesPerSecond: number = Number.POSITIVE_INFINITY;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #isFrozen = false;

  static async to(context: TestContext, address: string): Promise<BadWire> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const wire = new BadWire(server, Number(address.split(':')[1]));
    context.after(() => wire.#close());
    return wire;
  }

  private constructor(server: net.Server, port: number) {
    this.#server = server;
    const bound = server.address();
    this.address = typeof bound === 'object' && bound !== null ? `127.0.0.1:${bound.port}` : '';
    server.on('connection', (near) => {
      this.connections += 1;
      const far = net.connect(port, '127.0.0.1');
      this.#carry(near, far);
      this.#carry(far, near);
    });
  }

  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was frozen stays so, as a connection that the kernel tries again once in minutes; new ones work. */
  thaw(): void {
    this.#isFrozen = false;
  }

  #carry(from: net.Socket, to: net.Socket): void {
    this.#sockets.add(from);
    from.on('data', (bytes) => {
      to.write(bytes);
      if (this.bytesPerSecond === Number.POSITIVE_INFINITY) return;
      from.pause();
      setTimeout(() => from.resume(), (bytes.length / this.bytesPerSecond) * 1000);
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!this.#isFrozen) to.destroy();
    });
    if (this.#isFrozen) from.pause();
  }

  #close(): void {
    this.#isFrozen = false;
    for (const socket of [...this.#sockets]) socket.destroy();
    this.#server.close();
  }
}
