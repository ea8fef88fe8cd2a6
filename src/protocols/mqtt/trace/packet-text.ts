import { PACKET, type ProtocolVersion } from '../constants.js';
import { decodePacket } from '../decode.js';
import { decodePublishProperties, PublishView } from '../decode-publish.js';
import { ProtocolViolation, reasonName } from '../errors.js';
import type { ClientPacket } from '../packets.js';

/*
  One packet in one line of text, for a trace. Passwords and the data of authentication are never in it, but for their lengths; payloads are, in
  hexadecimal and cut, only where that was asked for.
*/

const view = new PublishView();

const NAMES: readonly string[] = [
  ...['RESERVED', 'CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'],
  ...['SUBSCRIBE', 'SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT', 'AUTH'],
];
/** Filters of one packet that are shown. */
const FILTERS_SHOWN = 20;

export function ackText(firstByte: number, packetId: number, reasonCode = 0): string {
  return `${NAMES[firstByte >> 4]} id=${packetId}${reasonCode === 0 ? '' : reasonText(reasonCode)}`;
}

/** A PUBLISH with its full topic, or with none where it came with an alias. */
export function publishText(
  bytes: Uint8Array,
  offset: number,
  length: number,
  version: 4 | 5,
  sent: { readonly packetId: number; readonly qos: number; readonly retain: number; readonly duplicate: number } | null,
  payloadBytesMax: number,
): string {
  try {
    decodePublishProperties(bytes, offset, length, version, view);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    return `PUBLISH bytes=${length} malformed=${JSON.stringify(error.message)}`;
  }
  const { packetId, qos, retain, duplicate } = sent ?? {
    ...{ packetId: view.packetId, qos: view.qos, retain: view.isRetained ? 1 : 0, duplicate: view.isDuplicate ? 1 : 0 },
  };
  const topic = textAt(bytes, view.topicOffset, view.topicLength);
  const alias = view.topicAlias === 0 ? '' : ` alias=${view.topicAlias}`;
  const id = qos === 0 ? '' : ` id=${packetId}`;
  const head = `PUBLISH${id} qos=${qos} dup=${duplicate} retain=${retain} topic=${JSON.stringify(topic)}${alias}`;
  return `${head} bytes=${length} payload=${view.payloadLength}${payloadText(bytes, view.payloadOffset, view.payloadLength, payloadBytesMax)}`;
}

/** The topic of a PUBLISH frame; empty: it has an alias. */
export function topicOfFrame(bytes: Uint8Array, offset: number): string {
  let body = offset + 2;
  while (bytes[body - 1] >= 0x80) body += 1;
  return textAt(bytes, body + 2, (bytes[body] << 8) | bytes[body + 1]);
}

/** What a client sent, other than PUBLISH. Null as packet: it is malformed. */
export function readClientPacket(
  bytes: Uint8Array,
  offset: number,
  length: number,
  version: ProtocolVersion,
): { readonly packet: ClientPacket | null; readonly text: string } {
  const size = ` bytes=${length}`;
  try {
    const packet = decodePacket(bytes, offset, length, version);
    return { packet, text: clientText(packet) + size };
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    return { packet: null, text: `${NAMES[bytes[offset] >> 4]}${size} malformed=${JSON.stringify(error.message)}` };
  }
}

function clientText(packet: ClientPacket): string {
  const name = packet.type.toUpperCase();
  switch (packet.type) {
    case 'connect': {
      const { clientId, version, cleanStart, keepAliveSeconds, username, password, will, sessionExpirySeconds } = packet;
      const user = username === null ? '' : ` user=${JSON.stringify(username)}`;
      const secret = password === null ? '' : ` password=(${password.length} bytes)`;
      const testament = will === null ? '' : ` will=${JSON.stringify(will.topic)} will-qos=${will.qos}`;
      const method = packet.authenticationMethod === null ? '' : ` method=${JSON.stringify(packet.authenticationMethod)}`;
      const start = `version=${version} clean=${cleanStart ? 1 : 0} keep-alive=${keepAliveSeconds} expiry=${sessionExpirySeconds}`;
      return `${name} client=${JSON.stringify(clientId)} ${start}${user}${secret}${testament}${method}`;
    }
    case 'subscribe': {
      const filters = packet.subscriptions.map(({ filter, qos }) => `${JSON.stringify(filter)}:${qos}`);
      return `${name} id=${packet.packetId} filters=${listText(filters)}`;
    }
    case 'unsubscribe':
      return `${name} id=${packet.packetId} filters=${listText(packet.filters.map((filter) => JSON.stringify(filter)))}`;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return `${name} id=${packet.packetId}${reasonText(packet.reasonCode)}`;
    case 'disconnect':
      return `${name}${reasonText(packet.reasonCode)}`;
    case 'auth':
      return `${name}${reasonText(packet.reasonCode)} method=${JSON.stringify(packet.authenticationMethod)} data=(${packet.authenticationData?.length ?? 0} bytes)`;
    case 'pingreq':
      return name;
  }
}

/** What we send, other than PUBLISH: its name, and where that is, its packet identifier and codes. */
export function serverText(bytes: Uint8Array, version: ProtocolVersion): string {
  const type = bytes[0] >> 4;
  let body = 2;
  while (bytes[body - 1] >= 0x80) body += 1;
  const size = ` bytes=${bytes.length}`;
  const idAt = (at: number): string => (at + 1 < bytes.length ? ` id=${(bytes[at] << 8) | bytes[at + 1]}` : '');
  const codeAt = (at: number): string => (at < bytes.length ? reasonText(bytes[at]) : '');
  switch (type) {
    case PACKET.connack:
      return `CONNACK present=${bytes[body] & 1}${codeAt(body + 1)}${size}`;
    case PACKET.puback:
    case PACKET.pubrec:
    case PACKET.pubrel:
    case PACKET.pubcomp:
      return `${NAMES[type]}${idAt(body)}${codeAt(body + 2)}${size}`;
    case PACKET.suback:
    case PACKET.unsuback: {
      // Codes are what is behind the properties; UNSUBACK of MQTT 3 has none.
      const codes = version === 5 ? behindProperties(bytes, body + 2) : body + 2;
      return `${NAMES[type]}${idAt(body)} codes=${listText([...bytes.subarray(codes)].map((code) => `0x${code.toString(16).padStart(2, '0')}`))}${size}`;
    }
    case PACKET.disconnect:
    case PACKET.auth:
      return `${NAMES[type]}${codeAt(body)}${size}`;
    default:
      return `${NAMES[type]}${size}`;
  }
}

export function isPublish(bytes: Uint8Array): boolean {
  return (bytes[0] & 0xf0) === PACKET.publish << 4;
}

export const PINGREQ_TEXT: string = NAMES[PACKET.pingreq];

function behindProperties(bytes: Uint8Array, at: number): number {
  let position = at;
  let length = 0;
  let shift = 0;
  for (;;) {
    const byte = bytes[position];
    position += 1;
    length += (byte & 0x7f) << shift;
    if (byte < 0x80) return position + length;
    shift += 7;
  }
}

function payloadText(bytes: Uint8Array, offset: number, length: number, max: number): string {
  if (max === 0 || length === 0) return '';
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset + offset, Math.min(length, max)).toString('hex');
  return ` hex=${shown}${length > max ? '...' : ''}`;
}

function reasonText(code: number): string {
  return ` reason=0x${code.toString(16).padStart(2, '0')} (${reasonName(code)})`;
}

function listText(items: readonly string[]): string {
  const more = items.length > FILTERS_SHOWN ? ` and ${items.length - FILTERS_SHOWN} more` : '';
  return `[${items.slice(0, FILTERS_SHOWN).join(', ')}${more}]`;
}

function textAt(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString();
}
