import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import type { LoadPlan } from './load-plan.js';

/* CONNECT, CONNACK, SUBSCRIBE and SUBACK: once per connection, so mqtt-packet writes and reads them. */

export const PINGREQ: Uint8Array = Uint8Array.of(0xc0, 0);
export const DISCONNECT: Uint8Array = Uint8Array.of(0xe0, 0);

export function encodeConnect(plan: LoadPlan, clientId: string): Uint8Array {
  const packet: IConnectPacket = {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: plan.version,
    clean: true,
    clientId,
    keepalive: plan.keepAliveSeconds,
    ...(plan.username === '' ? {} : { username: plan.username }),
    ...(plan.password === '' ? {} : { password: Buffer.from(plan.password) }),
  };
  return generate(packet, { protocolVersion: plan.version });
}

export function encodeSubscribe(plan: LoadPlan, filter: string): Uint8Array {
  return generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos: plan.qos }] }, { protocolVersion: plan.version });
}

export interface ConnectAnswer {
  /** 0: accepted. */
  readonly reasonCode: number;
  readonly receiveMaximum: number;
  /** What the broker says, or else what we asked for. */
  readonly keepAliveSeconds: number;
}

/** @returns null if the frame is not what a broker may answer to CONNECT. */
export function decodeConnack(plan: LoadPlan, frame: Uint8Array): ConnectAnswer | null {
  const packet = decodeOne(plan, frame);
  if (packet?.cmd !== 'connack') return null;
  return {
    reasonCode: (plan.version === 5 ? packet.reasonCode : packet.returnCode) ?? 0,
    receiveMaximum: packet.properties?.receiveMaximum ?? 65_535,
    keepAliveSeconds: packet.properties?.serverKeepAlive ?? plan.keepAliveSeconds,
  };
}

/** @returns the granted QoS or an error code (0x80 and above); null if the frame is not a SUBACK. */
export function decodeSuback(plan: LoadPlan, frame: Uint8Array): number | null {
  const packet = decodeOne(plan, frame);
  if (packet?.cmd !== 'suback') return null;
  const granted: unknown = packet.granted[0];
  return typeof granted === 'number' ? granted : null;
}

function decodeOne(plan: LoadPlan, frame: Uint8Array): Packet | null {
  const decoder = parser({ protocolVersion: plan.version });
  let decoded: Packet | null = null;
  decoder.on('packet', (packet: Packet) => {
    decoded = packet;
  });
  decoder.on('error', () => {
    decoded = null; // The caller reports what it expected.
  });
  decoder.parse(Buffer.from(frame));
  return decoded;
}
