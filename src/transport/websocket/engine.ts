import type { PeerAddress } from '../ports.js';

/*
  What we need of a WebSocket server. Two implementations, one set of tests: uws-engine.ts (uWebSockets.js) and ws-engine.ts (ws).

  Both accept on the MQTT path only and with MQTT's sub-protocol only (MQTT 5.0 §6), take binary messages up to a limit,
  do not compress, and have no idle timeout of their own: MQTT's keep-alive rules.
*/

export type WsEngineKind = 'uws' | 'ws';

export interface WsEngineOptions {
  readonly host: string;
  readonly port: number;
  /** A bound descriptor to listen on (ws); -1: listen on host and port, shared with other threads by SO_REUSEPORT (uws). */
  readonly descriptor: number;
  readonly path: string;
  /** Bytes of one message at most. */
  readonly messageBytesMax: number;
}

export interface WsSocket {
  /** Whether `pause` stops the peer. If not, whoever pauses has to hold what still comes. */
  readonly canPause: boolean;
  /** One binary message. The bytes are valid only during the call. */
  send(bytes: Uint8Array): void;
  /** Bytes sent that the kernel has not taken. */
  buffered(): number;
  pause(): void;
  resume(): void;
  /** Sends a close frame after what is buffered. */
  end(code: number, reason: string): void;
  /** Ends at once. */
  terminate(): void;
  peer(): PeerAddress;
}

/** Calls of an engine. None comes after `onClose` for a socket, or after the engine's `close`. */
export interface WsEvents {
  onOpen(socket: WsSocket): void;
  /** Bytes of a binary message, valid only during the call. */
  onMessage(socket: WsSocket, bytes: Uint8Array): void;
  /** The kernel took buffered bytes. */
  onDrain(socket: WsSocket): void;
  onClose(socket: WsSocket, code: number): void;
}

export interface WsEngine {
  readonly kind: WsEngineKind;
  readonly port: number;
  /**
   * The process has no descriptor left for another connection: takes none, if trying would cost anything. Sockets go on. Idempotent.
   */
  pauseAccepting(): void;
  /** Takes connections again. Idempotent. @returns false if it cannot listen now; try again later. */
  resumeAccepting(): boolean;
  /** Ends every socket and stops listening, before it returns. Idempotent. */
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
