import { generate, type IConnackPacket, type Packet, writeToStream } from 'mqtt-packet';
import { assert } from '../../base/assert.js';
import { FIELD_BYTES_MAX, FIRST_BYTE, type ProtocolVersion, REASON } from './constants.js';
import { connackCodeFor, NO_CONNACK } from './errors.js';

/*
  What the server says apart from PUBLISH and the short acknowledgements of the hot path. mqtt-packet makes the bytes; we see to three
  things that it does not:

    Maximum Packet Size   it forgets the fixed header in its count, and does not look at it in a CONNACK at all
    short forms           it writes an empty property list where none need be; a client with a tiny limit gets the short form
    65,536 small buffers  a cache of its own, filled at first use, for numbers it hardly ever writes: switched off
*/
writeToStream.cacheNumbers = false;

/** Nothing may be sent: the version has no such packet, or its shortest form is longer than the client takes (MQTT-3.1.2-25). */
export const NOTHING: Uint8Array = new Uint8Array(0);

/** Properties of a CONNACK (§3.2.2.3). What is left out is not sent. */
export interface ConnackProperties {
  readonly sessionExpirySeconds?: number;
  readonly receiveMaximum?: number;
  readonly maximumQos?: 0 | 1;
  readonly retainAvailable?: boolean;
  readonly packetBytesMax?: number;
  readonly assignedClientId?: string;
  readonly topicAliasMaximum?: number;
  readonly reasonString?: string;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
  readonly serverKeepAliveSeconds?: number;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
}

export interface ConnackFields {
  readonly version: ProtocolVersion;
  readonly sessionPresent: boolean;
  /** MQTT 5 reason code; an MQTT 3 client gets the return code that is nearest to it. */
  readonly reasonCode: number;
  readonly properties: ConnackProperties;
  /** Longest packet that the client takes, in bytes; 0: no limit. */
  readonly maxBytes: number;
}

export function encodeConnack(fields: ConnackFields): Uint8Array {
  const { version, reasonCode, properties, maxBytes } = fields;
  const returnCode = connackCodeFor(version, reasonCode);
  if (returnCode === NO_CONNACK) return NOTHING;
  assert(!fields.sessionPresent || reasonCode === REASON.success, 'a refused client has no session'); // MQTT-3.2.2-6
  if (version !== 5) {
    // The byte is reserved in MQTT 3.1 (§3.2), which knows no session present flag.
    return within(maxBytes, version, { cmd: 'connack', returnCode, sessionPresent: fields.sessionPresent && version === 4 });
  }
  const packet: IConnackPacket = { cmd: 'connack', reasonCode, sessionPresent: fields.sessionPresent, properties: {} };
  const bytes = within(maxBytes, version, { ...packet, properties: connackProperties(properties, true) });
  if (bytes.length > 0 || properties.reasonString === undefined) return bytes;
  return within(maxBytes, version, { ...packet, properties: connackProperties(properties, false) }); // MQTT-3.2.2-19
}

/** mqtt-packet skips what is undefined, and writes in this order. */
function connackProperties(from: ConnackProperties, withReason: boolean): NonNullable<IConnackPacket['properties']> {
  const properties: { [Key in keyof NonNullable<IConnackPacket['properties']>]: NonNullable<IConnackPacket['properties']>[Key] | undefined } = {
    topicAliasMaximum: from.topicAliasMaximum,
    maximumPacketSize: from.packetBytesMax,
    receiveMaximum: from.receiveMaximum,
    sessionExpiryInterval: from.sessionExpirySeconds,
    maximumQoS: from.maximumQos,
    retainAvailable: from.retainAvailable,
    assignedClientIdentifier: from.assignedClientId,
    reasonString: withReason ? from.reasonString : undefined,
    wildcardSubscriptionAvailable: from.wildcardSubscriptionAvailable,
    subscriptionIdentifiersAvailable: from.subscriptionIdentifiersAvailable,
    sharedSubscriptionAvailable: from.sharedSubscriptionAvailable,
    serverKeepAlive: from.serverKeepAliveSeconds,
    responseInformation: from.responseInformation,
    serverReference: from.serverReference,
    authenticationMethod: from.authenticationMethod,
    authenticationData: bufferOf(from.authenticationData),
  };
  return properties as NonNullable<IConnackPacket['properties']>;
}
