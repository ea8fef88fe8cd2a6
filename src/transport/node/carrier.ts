import type { PeerAddress } from '../ports.js';

/** What is under a connection: a socket, or the caller of `openVirtual`. */
export interface Carrier {
  /** Whether `write` may keep the bytes after it returned: they must then be memory that nobody changes. */
  readonly keepsBytes: boolean;
  readonly isVirtual: boolean;
  /** Bytes written that the peer (the kernel, for a socket) has not taken. */
  waiting(): number;
  write(bytes: Uint8Array): void;
  /** @param hasEnough the connection has bytes to cut; a virtual one asks its pusher to wait. */
  pauseReading(hasEnough: boolean): void;
  resumeReading(): void;
  /** No more is written: the peer learns of the end after the last byte. What it still sends is thrown away. */
  shutDown(): void;
  /** Ends now. Tells the owner nothing more. */
  destroy(): void;
  peer(): PeerAddress;
}
