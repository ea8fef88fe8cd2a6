import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import mqttPacket, { type Packet } from 'mqtt-packet';

/** A client that says exactly what a test wants, right or wrong, and keeps every packet it hears. */
export class RawClient {
  readonly socket: Socket;
  readonly packets: Packet[] = [];
  isClosed = false;
  /** Called for each packet, before the waiters. */
  onPacket: (packet: Packet) => void = () => {};
  readonly #version: 4 | 5;
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket, version: 4 | 5) {
    this.socket = socket;
    this.#version = version;
    const parser = mqttPacket.parser({ protocolVersion: version });
    parser.on('packet', (packet: Packet) => {
      this.packets.push(packet);
      this.onPacket(packet);
      this.#wake();
    });
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => {}); // The close that follows is what tests wait for.
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Opens a TCP connection and says nothing. */
  static async open(context: TestContext, url: string, version: 4 | 5 = 5): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    context.after(() => socket.destroy());
    return new RawClient(socket, version);
  }

  /** Opens, connects and waits for a CONNACK that accepts. */
  static async connect(
    context: TestContext,
    url: string,
    fields: Partial<mqttPacket.IConnectPacket> = {},
    version: 4 | 5 = 5,
  ): Promise<RawClient> {
    const client = await RawClient.open(context, url, version);
    client.say({
      cmd: 'connect',
      clientId: `raw-${Math.random().toString(36).slice(2)}`,
      protocolVersion: version,
      clean: true,
      keepalive: 0,
      ...fields,
    });
    const connack = await client.hear('connack');
    const code = version === 5 ? connack.reasonCode : connack.returnCode;
    if (code !== 0) throw new Error(`CONNACK says ${code}`);
    return client;
  }

  say(packet: Packet): void {
    this.socket.write(mqttPacket.generate(packet, { protocolVersion: this.#version }));
  }

  sayBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  async subscribe(topic: string, qos: 0 | 1 | 2): Promise<void> {
    this.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });
    await this.hear('suback');
  }

  /** The first packet of a kind, heard already or yet to come. */
  async hear<Kind extends Packet['cmd']>(kind: Kind, timeoutMs = 5_000): Promise<Extract<Packet, { cmd: Kind }>> {
    await this.until(() => this.isClosed || this.packets.some((packet) => packet.cmd === kind), `a ${kind}`, timeoutMs);
    const packet = this.packets.find((candidate) => candidate.cmd === kind);
    if (packet === undefined) throw new Error(`closed without a ${kind}`);
    return packet as Extract<Packet, { cmd: Kind }>;
  }

  async closed(timeoutMs = 5_000): Promise<void> {
    await this.until(() => this.isClosed, 'the close', timeoutMs);
  }

  count(kind: Packet['cmd']): number {
    let count = 0;
    for (const packet of this.packets) if (packet.cmd === kind) count += 1;
    return count;
  }

  /** Waits until `isSo`, which is asked after every packet and at the close. */
  async until(isSo: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} after ${timeoutMs} ms`)), timeoutMs);
      const check = (): void => {
        if (!isSo()) return;
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((waiting) => waiting !== check);
        resolve();
      };
      this.#waiting.push(check);
      check();
    });
  }

  #wake(): void {
    for (const check of this.#waiting) check();
  }
}
