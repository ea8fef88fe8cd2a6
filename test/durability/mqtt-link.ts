import { connect, type Socket } from 'node:net';
import mqttPacket, { type IConnackPacket, type IConnectPacket, type Packet } from 'mqtt-packet';

const ANSWER_MS_MAX = 10_000;

/** One TCP connection that speaks MQTT. What it says within one turn leaves in one write. */
export class MqttLink {
  readonly version: 4 | 5;
  readonly #socket: Socket;
  readonly #onPacket: (packet: Packet) => void;
  #isOpen = true;
  #isCorked = false;

  private constructor(socket: Socket, version: 4 | 5, onPacket: (packet: Packet) => void, onClose: () => void) {
    this.#socket = socket;
    this.version = version;
    this.#onPacket = onPacket;
    const parser = mqttPacket.parser({ protocolVersion: version });
    parser.on('packet', (packet: Packet) => {
      if (this.#isOpen) this.#onPacket(packet);
    });
    parser.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      if (this.#isOpen) parser.parse(bytes);
    });
    socket.on('error', () => {}); // The close that follows says it.
    socket.on('close', () => {
      this.#isOpen = false;
      onClose();
    });
  }

  /**
   * Connects and waits for a CONNACK that accepts; `onPacket` gets everything after it. Rejects if the broker refuses or goes away.
   */
  static async connect(
    url: string,
    hello: IConnectPacket & { readonly protocolVersion: 4 | 5 },
    onPacket: (packet: Packet) => void,
    onClose: () => void,
  ): Promise<{ link: MqttLink; connack: IConnackPacket }> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    return await new Promise((resolve, reject) => {
      let isConnected = false;
      const timer = setTimeout(() => socket.destroy(new Error(`no CONNACK after ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX);
      const take = (packet: Packet): void => {
        if (isConnected) {
          onPacket(packet);
          return;
        }
        clearTimeout(timer);
        const code = packet.cmd === 'connack' ? (packet.reasonCode ?? packet.returnCode ?? 0) : -1;
        if (packet.cmd !== 'connack' || code !== 0) {
          socket.destroy(new Error(`${packet.cmd} says ${code}`));
          return;
        }
        isConnected = true;
        resolve({ link, connack: packet }); // The caller goes on in a later turn; packets may come before.
      };
      socket.once('error', reject);
      const link = new MqttLink(socket, hello.protocolVersion, take, () => {
        clearTimeout(timer);
        if (isConnected) onClose();
        else reject(new Error('closed without a CONNACK'));
      });
      link.say(hello);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Of our end; tells this connection apart in the output of strace. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  say(packet: Packet): void {
    if (!this.#isOpen) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  /** Gone without a word. What was received and not yet looked at is lost, too. */
  destroy(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }
}
