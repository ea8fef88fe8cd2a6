import type { Logger } from '../base/logger.js';
import type { Settings } from '../settings/schema.js';

/*
  What the launcher sees of a started node. `runtime/node.ts` makes one; `main.ts` brings the two together.
*/

export interface RunningListener {
  /** `mqtt.tcp`, as in the settings. */
  readonly name: string;
  /** As a client would write it: `mqtt://127.0.0.1:1883`, `ws://127.0.0.1:8083/mqtt`. */
  readonly url: string;
  readonly host: string;
  /** The real one, also where the settings say 0. */
  readonly port: number;
}

export interface RunningNode {
  readonly listeners: readonly RunningListener[];
  readonly shardCount: number;
  readonly transportKind: 'native' | 'node';
  readonly webSocketEngine: string;
  connections(): number;
  /** Plain data for `status -o json`. */
  status(): object;
  /** Stops accepting, tells clients, flushes and closes. Idempotent. */
  stop(): Promise<void>;
  /** Called once when the node cannot go on. Set by the launcher. */
  onFatal: (error: unknown) => void;
}

export type StartNode = (settings: Settings, log: Logger) => Promise<RunningNode>;
