import { PROPERTY } from './constants.js';
import { decodePublishProperties, PublishView } from './decode-publish.js';
import { buildPublish } from './encode-publish.js';
import type { MqttSession } from './session.js';

const view = new PublishView();
const NO_TOPIC: Uint8Array = new Uint8Array(0);

/*
  Packets made one by one, for MQTT 5 clients that announced a Maximum Packet Size or a Topic Alias Maximum: what they get depends on
  what they got before.
*/

/**
 * A stored or passing PUBLISH as this client gets it.
 * @returns null if it is larger than the client takes: the message counts as delivered (MQTT-3.1.2-25).
 */
export function encodeSpecial(
  session: MqttSession,
  bytes: Uint8Array,
  offset: number,
  length: number,
  version: 4 | 5,
  qos: 0 | 1 | 2,
  retain: 0 | 1,
  duplicate: 0 | 1,
  packetId: number,
  identifiers: Uint8Array | null,
): Uint8Array | null {
  decodePublishProperties(bytes, offset, length, version, view);
  const connection = session.connection;
  const topic = bytes.subarray(view.topicOffset, view.topicOffset + view.topicLength);
  const aliases = connection === null ? null : connection.outboundAliases;
  const name = aliases === null ? '' : Buffer.from(topic.buffer, topic.byteOffset, topic.length).toString();
  const known = aliases === null ? 0 : aliases.aliasOf(name);
  const alias = aliases === null || known > 0 ? known : aliases.nextAlias;
  const packet = buildPublish({
    version: 5,
    topic: known > 0 ? NO_TOPIC : topic,
    qos,
    isRetained: retain === 1,
    isDuplicate: duplicate === 1,
    packetId,
    properties: joinProperties(identifiers, alias, ownProperties(bytes)),
    payload: bytes.subarray(view.payloadOffset, view.payloadOffset + view.payloadLength),
  });
  const limit = connection === null ? 0 : connection.packetBytesMax;
  if (limit > 0 && packet.length > limit) return null;
  // The client learns the alias from this packet, so it is given only now that the packet goes out.
  if (aliases !== null && known === 0 && alias > 0) aliases.assign(name);
  return packet;
}

/** The publisher's properties but for its topic alias, which is between it and us (MQTT-3.3.2-7). */
function ownProperties(bytes: Uint8Array): Uint8Array {
  const all = bytes.subarray(view.propertiesOffset, view.propertiesOffset + view.propertiesLength);
  if (view.aliasOffset < 0) return all;
  const at = view.aliasOffset - view.propertiesOffset;
  return Buffer.concat([all.subarray(0, at), all.subarray(at + 3)]);
}

function joinProperties(identifiers: Uint8Array | null, alias: number, own: Uint8Array): Uint8Array {
  if (identifiers === null && alias === 0) return own;
  const parts: Uint8Array[] = [];
  if (alias > 0) parts.push(Uint8Array.of(PROPERTY.topicAlias, alias >>> 8, alias & 0xff));
  if (identifiers !== null) parts.push(identifiers);
  parts.push(own);
  return Buffer.concat(parts);
}
