import type { MqttConnection } from './connection.js';
import { PUBLISH_QOS_SHIFT, PUBLISH_RETAIN, REASON } from './constants.js';
import type { MqttContext } from './context.js';
import type { ConnackProperties } from './encode.js';
import type { ConnectPacket, WillFields } from './packets.js';
import { isTopicName } from './topic-syntax.js';

/** What the server does for its clients, and where it sends them instead. */
export interface MqttOffer {
  readonly qosMax: 0 | 1 | 2;
  readonly isRetainAvailable: boolean;
  /** Where responses to a client may go, with ${clientid} and ${username}; empty: nothing is said. */
  readonly responseInformation: string;
  /** What a client hears of a publish or a subscription that is not its to make: 0x87, or 0x80, which gives no reason (§3.4.2.1, §3.9.3). */
  readonly denialCode: number;
  /** Other servers; empty: there are none. */
  readonly redirect: string;
  readonly redirectWhen: 'shutdown' | 'always' | 'moved';
}

export const OFFER_EVERYTHING: MqttOffer = {
  qosMax: 2,
  isRetainAvailable: true,
  responseInformation: '',
  denialCode: REASON.notAuthorized,
  redirect: '',
  redirectWhen: 'shutdown',
};

/** Why and where to a client has to go (§4.11): MQTT 3 hears that the server is unavailable. */
export interface Redirection {
  readonly reasonCode: number;
  readonly sentence: string;
  readonly serverReference: string;
}

/** Null: clients stay. */
export function redirectionOf({ redirect, redirectWhen }: MqttOffer, isDraining: boolean): Redirection | null {
  if (redirect === '' || (redirectWhen === 'shutdown' && !isDraining)) return null;
  if (redirectWhen === 'moved') return { reasonCode: REASON.serverMoved, sentence: 'the server has moved', serverReference: redirect };
  return { reasonCode: REASON.useAnotherServer, sentence: 'use another server for now', serverReference: redirect };
}

/** Why a PUBLISH is refused that has these flags in its first byte: its reason code, 0 for none. By the low half of that byte. */
export function publishRefusals({ qosMax, isRetainAvailable }: MqttOffer): Uint8Array {
  const refusals = new Uint8Array(16);
  for (let flags = 0; flags < 16; flags += 1) {
    if (((flags >> PUBLISH_QOS_SHIFT) & 3) > qosMax) refusals[flags] = REASON.qosNotSupported;
    else if ((flags & PUBLISH_RETAIN) !== 0 && !isRetainAvailable) refusals[flags] = REASON.retainNotSupported;
  }
  return refusals;
}

/** Ends the connection of a client that publishes what CONNACK said it must not (MQTT-3.2.2-11, MQTT-3.2.2-14). @returns true if it did. */
export function refusesFlags(context: MqttContext, connection: MqttConnection, flags: number): boolean {
  const reasonCode = context.publishRefusals[flags];
  if (reasonCode === 0) return false;
  const what = reasonCode === REASON.qosNotSupported ? 'a QoS above the maximum' : 'RETAIN, and nothing is retained here';
  context.endConnection(connection, reasonCode, `a PUBLISH has ${what}`);
  return true;
}

/** The reason code that refuses a will which could not be published (MQTT-3.2.2-12, MQTT-3.2.2-13); 0: it could. */
export function willRefusal({ qosMax, isRetainAvailable }: MqttOffer, will: WillFields): number {
  if (will.qos > qosMax) return REASON.qosNotSupported;
  return will.retain && !isRetainAvailable ? REASON.retainNotSupported : 0;
}

/** What CONNACK says of the offer (§3.2.2.3). */
export function offerProperties(offer: MqttOffer, packet: ConnectPacket, clientId: string, user: string): ConnackProperties {
  const responseInformation = packet.requestResponseInformation ? responseTopic(offer.responseInformation, clientId, user) : '';
  return {
    ...(offer.qosMax < 2 ? { maximumQoS: offer.qosMax } : {}),
    ...(offer.isRetainAvailable ? {} : { retainAvailable: false }),
    ...(responseInformation === '' ? {} : { responseInformation }),
  };
}

/** Empty where the client's names make no topic of it. */
function responseTopic(template: string, clientId: string, user: string): string {
  const topic = template.replaceAll('${clientid}', () => clientId).replaceAll('${username}', () => user);
  return isTopicName(topic) && Buffer.byteLength(topic) <= 65_535 ? topic : '';
}
