import type { ProtocolVersion } from './constants.js';

/*
  What a client may send, decoded. PUBLISH is not here: it goes by rows, and by `decode-publish.ts` where it has properties.
  Every field is always present. Bytes and text are copies: they outlive the turn.
*/

export type ClientPacket = ConnectPacket | SubscribePacket | UnsubscribePacket | AckPacket | DisconnectPacket | AuthPacket | PingPacket;

export interface ConnectPacket {
  readonly type: 'connect';
  readonly protocolName: 'MQTT' | 'MQIsdp';
  readonly version: ProtocolVersion;
  /** MQTT 3: clean session. */
  readonly cleanStart: boolean;
  /** 0: none. */
  readonly keepAliveSeconds: number;
  /** May be empty, save in MQTT 3.1. Whether an empty one is welcome, the session decides (MQTT 3.1.1 §3.1.3.1). */
  readonly clientId: string;
  readonly username: string | null;
  readonly password: Uint8Array | null;
  readonly will: WillFields | null;
  /** 0xFFFFFFFF: never. 0 if not sent, and for MQTT 3, whose sessions have no expiry. */
  readonly sessionExpirySeconds: number;
  readonly receiveMaximum: number;
  /** Longest packet that the client takes; 0: no limit. */
  readonly packetBytesMax: number;
  /** 0: the client takes no topic aliases. */
  readonly topicAliasMaximum: number;
  readonly requestResponseInformation: boolean;
  readonly requestProblemInformation: boolean;
  /** The user property of that name (MQTT 5); null: there is none. */
  readonly tenant: string | null;
  readonly authenticationMethod: string | null;
  readonly authenticationData: Uint8Array | null;
}

/** The message to publish when the client goes without DISCONNECT (MQTT 5.0 §3.1.3). */
export interface WillFields {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly delaySeconds: number;
  /** -1: never. */
  readonly expirySeconds: number;
  /** Encoded properties for the PUBLISH, in the client's order, without the will delay and without a length in front. */
  readonly properties: Uint8Array;
}

export interface SubscribePacket {
  readonly type: 'subscribe';
  readonly packetId: number;
  /** 0: none. */
  readonly identifier: number;
  readonly subscriptions: readonly SubscriptionFields[];
}

export interface SubscriptionFields {
  /** Well-formed (MQTT 5.0 §4.7, §4.8.2). How deep it may be, the session decides. */
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

export interface UnsubscribePacket {
  readonly type: 'unsubscribe';
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface AckPacket {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  readonly packetId: number;
  readonly reasonCode: number;
}

export interface DisconnectPacket {
  readonly type: 'disconnect';
  /** Any byte: only 0x00 takes the will back. */
  readonly reasonCode: number;
  /** -1: as it was. */
  readonly sessionExpirySeconds: number;
  readonly reasonString: string | null;
}

export interface AuthPacket {
  readonly type: 'auth';
  /** 0x18 continue, 0x19 re-authenticate. */
  readonly reasonCode: number;
  readonly authenticationMethod: string;
  readonly authenticationData: Uint8Array | null;
}

export interface PingPacket {
  readonly type: 'pingreq';
}
