import { connect, type Socket } from 'node:net';
import mqttPacket from 'mqtt-packet';
import { authorityOf } from '../../../base/authority.js';
import { BrokerError, systemCodeOf } from '../../../base/errors.js';

/* A client of MQTT 5.0 that only subscribes, over plain TCP. It acknowledges what it has shown, and ends when it is told to or the broker ends it. */

const KEEP_ALIVE_SECONDS = 30;
const CONNECT_MS_MAX = 10_000;

export interface SubscriberOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  /** Null: none is given. */
  readonly userName: string | null;
  readonly password: string | null;
  readonly filters: readonly string[];
  readonly qos: 0 | 1 | 2;
  readonly signal: AbortSignal;
  /** The next message is asked for when it is done. @returns false: that was the last. */
  readonly onMessage: (message: ReceivedMessage) => Promise<boolean>;
}

export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}

/** Done when it was told to end. @throws BrokerError RMQ-1039. */
export async function subscribe(options: SubscriberOptions): Promise<void> {
  const { host, port, signal } = options;
  if (signal.aborted) return;
  const socket = connect({ host, port });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${CONNECT_MS_MAX} ms`)), CONNECT_MS_MAX);
  const ping = setInterval(() => socket.write(mqttPacket.generate({ cmd: 'pingreq' })), (KEEP_ALIVE_SECONDS * 1000) / 2);
  const end = (): void => void socket.end(mqttPacket.generate({ cmd: 'disconnect', reasonCode: 0 }, { protocolVersion: 5 }));
  signal.addEventListener('abort', end, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', (error) => reject(failed(options, systemCodeOf(error) || error.message, error)));
      socket.on('close', () => reject(failed(options, 'the broker closed the connection', undefined)));
      converse(socket, options, () => clearTimeout(timer)).then(resolve, reject);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    clearTimeout(timer);
    clearInterval(ping);
    signal.removeEventListener('abort', end);
    socket.end();
  }
}

async function converse(socket: Socket, options: SubscriberOptions, onConnected: () => void): Promise<void> {
  const { clientId, userName, password, filters, qos } = options;
  const parser = mqttPacket.parser({ protocolVersion: 5 });
  const packets: mqttPacket.Packet[] = [];
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => socket.destroy(error));
  const say = (packet: mqttPacket.Packet): void => void socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }));
  say({
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, clientId, keepalive: KEEP_ALIVE_SECONDS },
    ...(userName === null ? {} : { username: userName }),
    ...(password === null ? {} : { password: Buffer.from(password) }),
  });
  for await (const chunk of socket) {
    parser.parse(chunk);
    for (const packet of packets.splice(0)) {
      switch (packet.cmd) {
        case 'connack':
          if (packet.reasonCode !== 0) throw failed(options, `refused with 0x${(packet.reasonCode ?? 0).toString(16)}`, undefined);
          onConnected();
          say({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos })) });
          break;
        case 'suback': {
          const refused = packet.granted.findIndex((code) => typeof code === 'number' && code >= 0x80);
          if (refused >= 0)
            throw failed(options, `the filter ${filters[refused]} is refused with 0x${packet.granted[refused].toString(16)}`, undefined);
          break;
        }
        case 'publish': {
          const { topic, payload, qos: sent, retain, messageId } = packet;
          const goesOn = await options.onMessage({ topic, payload: Buffer.from(payload), qos: sent, retain });
          if (sent > 0) say({ cmd: sent === 1 ? 'puback' : 'pubrec', messageId: messageId ?? 0, reasonCode: 0 });
          if (!goesOn) return;
          break;
        }
        case 'pubrel':
          say({ cmd: 'pubcomp', messageId: packet.messageId ?? 0, reasonCode: 0 });
          break;
        case 'disconnect':
          throw failed(options, `the broker ended the connection with 0x${(packet.reasonCode ?? 0).toString(16)}`, undefined);
        default:
          break; // Nothing that a subscriber waits for.
      }
    }
  }
}

function failed({ host, port }: SubscriberOptions, why: string, cause: unknown): BrokerError {
  return new BrokerError('RMQ-1039', `from ${authorityOf(host, port)}: ${why}`, { cause });
}
