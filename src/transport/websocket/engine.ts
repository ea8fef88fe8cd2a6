import type { Duplex } from 'node:stream';
import type { Carried, CarrierEnd, CarrierSocket } from '../carried-connections.js';
import type { PeerFacts } from '../ports.js';

/*
  What we need of a WebSocket server. Two implementations, one set of tests: uws-engine.ts (uWebSockets.js) and ws-engine.ts (ws).

  Both accept on the MQTT path only and with MQTT's sub-protocol only (MQTT 5.0 §6), take binary messages up to a limit,
  do not compress, and have no idle timeout of their own: MQTT's keep-alive rules.
*/

export type WsEngineKind = 'uws' | 'ws';

/** For `descriptor`: listen on host and port, shared with other threads by SO_REUSEPORT (uws). */
export const BY_ADDRESS = -1;
/** For `descriptor`: do not listen, `accept` brings the streams (ws). */
export const BY_OTHERS = -2;

export interface WsEngineOptions {
  readonly host: string;
  readonly port: number;
  /** A bound descriptor to listen on (ws), BY_ADDRESS or BY_OTHERS. */
  readonly descriptor: number;
  readonly path: string;
  /** Bytes of one message at most. */
  readonly messageBytesMax: number;
}

/** A WebSocket opened. @returns who takes its messages; null: nobody, and it was told to end. */
export type OnWebSocket = (socket: CarrierSocket) => Carried | null;

export interface WsEngine {
  readonly kind: WsEngineKind;
  /** 0 if it does not listen. */
  readonly port: number;
  /** @param onUpgraded it is a WebSocket now. Until then whoever brought it watches its time: a server that does not listen does not. */
  accept(stream: Duplex, peer: () => PeerFacts, onUpgraded: () => void): void;
  /**
   * The process has no descriptor left for another connection: takes none, if trying would cost anything. Sockets go on. Idempotent.
   */
  pauseAccepting(): void;
  /** Takes connections again. Idempotent. @returns false if it cannot listen now; try again later. */
  resumeAccepting(): boolean;
  /** Ends every socket and stops listening, before it returns. No call to anybody comes after it. Idempotent. */
  close(): void;
}

/** RFC 6455 §7.4.1. */
export const WS_CLOSE = {
  normal: 1000,
  goingAway: 1001,
  unsupported: 1003,
  noStatus: 1005,
  abnormal: 1006,
  policy: 1008,
  tooBig: 1009,
  tryLater: 1013,
} as const;

/** Code and reason of the close frame. */
export function closeFrameOf(why: CarrierEnd): readonly [code: number, reason: string] {
  switch (why) {
    case 'normal':
      return [WS_CLOSE.normal, ''];
    case 'too-many':
      return [WS_CLOSE.tryLater, 'too many connections'];
    case 'too-fast':
      return [WS_CLOSE.tryLater, 'too fast'];
  }
}

/** What a client may offer: the name of the standard, and the one that MQTT 3.1 clients used. The first it offers that we know is taken. */
const SUB_PROTOCOLS = ['mqtt', 'mqttv3.1'] as const;

/** The sub-protocol to answer with; null if the client offers none of ours [MQTT-6.0.0-3]. */
export function chooseSubProtocol(header: string): string | null {
  for (const offered of header.split(',')) {
    const name = offered.trim();
    if (SUB_PROTOCOLS.some((known) => known === name)) return name;
  }
  return null;
}
