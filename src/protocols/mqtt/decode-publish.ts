import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { PACKET, PROPERTY, type ProtocolVersion, PUBLISH_DUPLICATE, PUBLISH_QOS_SHIFT, PUBLISH_RETAIN } from './constants.js';
import { malformed, protocolError } from './errors.js';
import { PropertyScan } from './properties.js';

/*
  One PUBLISH frame that the transport did not put into a run: it has properties, or an empty topic.

    PUBLISH => topic:string [packet_id:u16] [properties] payload                         MQTT 5.0 §3.3
*/

const NO_BYTES = new Uint8Array(0);

/** Where the parts of a PUBLISH are, as offsets in its bytes. One is used for all frames: it is good until the next one. */
export class PublishView {
  qos: 0 | 1 | 2 = 0;
  isDuplicate = false;
  isRetained = false;
  topicOffset = 0;
  topicLength = 0;
  /** 0 for QoS 0. */
  packetId = 0;
  /** The first property, and the bytes of them all. */
  propertiesOffset = 0;
  propertiesLength = 0;
  payloadOffset = 0;
  payloadLength = 0;
  /** 0: none. `aliasOffset` is where the property (identifier and two bytes) begins; -1: none. */
  topicAlias = 0;
  aliasOffset = -1;
  /** Message expiry in seconds, and where its four bytes are; -1: none. */
  expirySeconds = -1;
  expiryOffset = -1;
  /** Payload format indicator: 1 says UTF-8, 0 bytes; -1: not said. */
  payloadFormat = -1;
  readonly properties: PropertyScan = new PropertyScan();
  readonly reader: WireReader = new WireReader(NO_BYTES, 0, 0);
}

/**
 * Reads the frame at `offset`, `length` bytes long, into `view`. Allocates nothing. The encoding of the topic is not looked at: the
 * transport did.
 * @throws ProtocolViolation. A topic alias above the maximum we announced is for the session to refuse (0x94).
 */
export function decodePublishProperties(
  bytes: Uint8Array,
  offset: number,
  length: number,
  version: ProtocolVersion,
  view: PublishView,
): void {
  const reader = view.reader;
  reader.reset(bytes, offset, offset + length);
  try {
    readPublish(reader, version, view);
  } catch (error) {
    if (error instanceof WireViolation) throw malformed(error.message, { cause: error });
    throw error;
  }
}

function readPublish(reader: WireReader, version: ProtocolVersion, view: PublishView): void {
  const firstByte = reader.readU8();
  const qos = (firstByte >> PUBLISH_QOS_SHIFT) & 3;
  if (qos === 3) throw malformed('a PUBLISH has QoS 3'); // MQTT-3.3.1-4
  if (reader.readVarint() !== reader.remaining) throw malformed('the remaining length is not that of the frame');
  view.qos = qos as 0 | 1 | 2;
  view.isDuplicate = (firstByte & PUBLISH_DUPLICATE) !== 0;
  view.isRetained = (firstByte & PUBLISH_RETAIN) !== 0;
  if (qos === 0 && view.isDuplicate) throw malformed('a PUBLISH with QoS 0 says it is a duplicate'); // MQTT-3.3.1-2
  view.topicLength = reader.readU16();
  view.topicOffset = reader.skip(view.topicLength);
  view.packetId = qos === 0 ? 0 : reader.readU16();
  if (qos !== 0 && view.packetId === 0) throw protocolError('the packet identifier is 0');
  if (version === 5) view.properties.read(reader, PACKET.publish);
  else view.properties.clear();
  readPropertyValues(view);
  if (view.topicLength === 0 && view.topicAlias === 0) throw protocolError('there is neither a topic nor an alias for one'); // §3.3.2.1
  view.payloadLength = reader.remaining;
  view.payloadOffset = reader.position;
}

function readPropertyValues(view: PublishView): void {
  const properties = view.properties;
  if (properties.has(PROPERTY.subscriptionIdentifier)) throw protocolError('a client sent a subscription identifier'); // MQTT-3.3.4-6
  view.propertiesOffset = properties.offset;
  view.propertiesLength = properties.length;
  view.topicAlias = properties.numberOf(PROPERTY.topicAlias, 0);
  view.aliasOffset = view.topicAlias === 0 ? -1 : properties.offsetOf(PROPERTY.topicAlias) - 1;
  view.expirySeconds = properties.numberOf(PROPERTY.messageExpiryInterval, -1);
  view.expiryOffset = properties.offsetOf(PROPERTY.messageExpiryInterval);
  view.payloadFormat = properties.numberOf(PROPERTY.payloadFormatIndicator, -1);
}
