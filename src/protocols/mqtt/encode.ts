import { generate, type IAuthPacket, type IConnackPacket, type IDisconnectPacket, type Packet, writeToStream } from 'mqtt-packet';
import { assert } from '../../base/assert.js';
import { FIELD_BYTES_MAX, FIRST_BYTE, type ProtocolVersion, REASON } from './constants.js';
import { connackCodeFor, NO_CONNACK } from './errors.js';

/*
  What the server says apart from PUBLISH and the short acknowledgements of the hot path. mqtt-packet makes the bytes; we see to what
  it does not:

    Maximum Packet Size    it forgets the fixed header in its count, and does not count a CONNACK at all
    the short forms        it puts an empty property list where none need be, which a client with a tiny limit cannot take
    fields above 65,535 B  it cuts the length, not the field
    65,536 small buffers   a cache that it fills at first use, for numbers it hardly ever writes: switched off
*/
writeToStream.cacheNumbers = false;

/** Nothing may be sent: the version has no such packet, or its shortest form is longer than the client takes (MQTT-3.1.2-25). */
export const NOTHING: Uint8Array = new Uint8Array(0);

/** By the names of mqtt-packet, which are those of §3.2.2.3; sent in the order given. User properties are none of ours. */
export type ConnackProperties = Readonly<Omit<NonNullable<IConnackPacket['properties']>, 'userProperties'>>;

export interface ConnackFields {
  readonly version: ProtocolVersion;
  readonly sessionPresent: boolean;
  /** MQTT 5 reason code; an MQTT 3 client gets the return code nearest to it, or nothing (`connackCodeFor`). */
  readonly reasonCode: number;
  /** MQTT 5 only. A reason string and response information are left out where they do not fit. */
  readonly properties: ConnackProperties;
  /** Longest packet that the client takes, in bytes; 0: no limit. */
  readonly maxBytes: number;
}

export function encodeConnack(fields: ConnackFields): Uint8Array {
  const { version, reasonCode, sessionPresent, maxBytes } = fields;
  assert(!sessionPresent || reasonCode === REASON.success, 'a client that is refused has no session present'); // MQTT-3.2.2-6
  const returnCode = connackCodeFor(version, reasonCode);
  if (returnCode === NO_CONNACK) return NOTHING;
  // MQTT 3.1 §3.2 reserves the byte of the session present flag.
  if (version !== 5) return within(maxBytes, version, { cmd: 'connack', returnCode, sessionPresent: sessionPresent && version === 4 });
  const { reasonString, responseInformation, ...properties } = fields.properties;
  const bytes = within(maxBytes, version, { cmd: 'connack', reasonCode, sessionPresent, properties: { ...fields.properties } });
  if (bytes.length > 0 || (reasonString === undefined && responseInformation === undefined)) return bytes;
  return within(maxBytes, version, { cmd: 'connack', reasonCode, sessionPresent, properties }); // MQTT-3.2.2-19
}

export interface CodesFields {
  readonly version: ProtocolVersion;
  readonly packetId: number;
  /** One for each filter of the request, in its order; MQTT 5 reason codes. */
  readonly codes: readonly number[];
  /** Null: none, as it has to be where the client asked for no problem information (MQTT-3.1.2-29). */
  readonly reasonString: string | null;
  readonly maxBytes: number;
}

export function encodeSuback(fields: CodesFields): Uint8Array {
  const { version, packetId: messageId, reasonString, maxBytes } = fields;
  // MQTT 3.1.1 §3.9.3 knows one code for failure.
  const granted = version === 5 ? [...fields.codes] : fields.codes.map((code) => Math.min(code, REASON.unspecifiedError));
  return withReason(maxBytes, version, reasonString, (properties) => ({ cmd: 'suback', messageId, granted, ...properties }));
}

export function encodeUnsuback(fields: CodesFields): Uint8Array {
  const { version, packetId: messageId, reasonString, maxBytes } = fields;
  const granted = [...fields.codes]; // MQTT 3 has no place for them: mqtt-packet leaves them out.
  return withReason(maxBytes, version, reasonString, (properties) => ({ cmd: 'unsuback', messageId, granted, ...properties }));
}

export interface DisconnectFields {
  readonly version: ProtocolVersion;
  readonly reasonCode: number;
  readonly reasonString: string | null;
  /** Where to go instead, with 0x9C and 0x9D; null: nowhere. */
  readonly serverReference: string | null;
  readonly maxBytes: number;
}

/** MQTT 3 servers have no DISCONNECT: NOTHING. A session expiry is not a server's to send (MQTT-3.14.2-2). */
export function encodeDisconnect(fields: DisconnectFields): Uint8Array {
  const { version, reasonCode, reasonString, serverReference, maxBytes } = fields;
  if (version !== 5) return NOTHING;
  const packet: IDisconnectPacket = { cmd: 'disconnect', reasonCode };
  const reference = serverReference === null ? {} : { serverReference };
  const long = reasonString === null ? reference : { reasonString, ...reference };
  for (const properties of reasonString === null ? [reference] : [long, reference]) {
    if (Object.keys(properties).length === 0) break;
    const bytes = within(maxBytes, version, { ...packet, properties });
    if (bytes.length > 0) return bytes;
  }
  return fitting(maxBytes, Uint8Array.of(FIRST_BYTE.disconnect, 1, reasonCode)); // §3.14.2.2.1
}

export interface AuthFields {
  readonly reasonCode: number;
  readonly authenticationMethod: string;
  readonly authenticationData: Uint8Array | null;
  readonly maxBytes: number;
}

export function encodeAuth(fields: AuthFields): Uint8Array {
  const { reasonCode, authenticationMethod, authenticationData, maxBytes } = fields;
  const properties: NonNullable<IAuthPacket['properties']> = { authenticationMethod };
  if (authenticationData !== null) properties.authenticationData = Buffer.from(authenticationData);
  return within(maxBytes, 5, { cmd: 'auth', reasonCode, properties });
}

const ACK_COMMANDS: ReadonlyMap<number, 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'> = new Map([
  [FIRST_BYTE.puback, 'puback'],
  [FIRST_BYTE.pubrec, 'pubrec'],
  [FIRST_BYTE.pubrel, 'pubrel'],
  [FIRST_BYTE.pubcomp, 'pubcomp'],
]);

/**
 * PUBACK, PUBREC, PUBREL or PUBCOMP, of 4 bytes for success, of 5 with another code, longer with a reason string.
 * @param firstByte a value of FIRST_BYTE. @param reasonCode not sent to MQTT 3, which has none.
 */
export function encodeAck(
  version: ProtocolVersion,
  firstByte: number,
  packetId: number,
  reasonCode: number,
  reasonString: string | null,
  maxBytes = 0,
): Uint8Array {
  const cmd = ACK_COMMANDS.get(firstByte);
  assert(cmd !== undefined, 'the first byte is that of an acknowledgement');
  if (version === 5 && reasonString !== null) {
    const bytes = within(maxBytes, version, { cmd, messageId: packetId, reasonCode, properties: { reasonString } });
    if (bytes.length > 0) return bytes; // Otherwise MQTT-3.4.2-2: the string is left out.
  }
  if (version !== 5 || reasonCode === REASON.success) {
    return fitting(maxBytes, Uint8Array.of(firstByte, 2, packetId >>> 8, packetId & 0xff));
  }
  return fitting(maxBytes, Uint8Array.of(firstByte, 3, packetId >>> 8, packetId & 0xff, reasonCode)); // §3.4.2.2.1
}

/** With the reason string if there is one and it fits, else without (MQTT-3.9.2-2, MQTT-3.11.2-2). */
function withReason(
  maxBytes: number,
  version: ProtocolVersion,
  reasonString: string | null,
  packetWith: (properties: { properties: { reasonString?: string } }) => Packet,
): Uint8Array {
  if (version === 5 && reasonString !== null) {
    const bytes = within(maxBytes, version, packetWith({ properties: { reasonString } }));
    if (bytes.length > 0) return bytes;
  }
  return within(maxBytes, version, packetWith({ properties: {} }));
}

/** The packet by mqtt-packet, or NOTHING if it is longer than `maxBytes`. */
function within(maxBytes: number, version: ProtocolVersion, packet: Packet): Uint8Array {
  if ('properties' in packet) {
    for (const value of Object.values(packet.properties ?? {})) {
      if (typeof value === 'string') assert(Buffer.byteLength(value) <= FIELD_BYTES_MAX, 'text fits its length field');
      if (value instanceof Uint8Array) assert(value.length <= FIELD_BYTES_MAX, 'binary data fits its length field');
    }
  }
  return fitting(maxBytes, generate(packet, { protocolVersion: version }));
}

function fitting(maxBytes: number, bytes: Uint8Array): Uint8Array {
  return maxBytes === 0 || bytes.length <= maxBytes ? bytes : NOTHING;
}
