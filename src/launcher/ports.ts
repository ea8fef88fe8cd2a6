import type { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { Settings } from '../settings/schema.js';
import type { ControlQuestion } from './control-wire.js';

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

/** Certificates and keys of TLS listeners. */
export interface RunningCertificates {
  /** Reads those again whose files changed. Where something is wrong with them, the old ones stay. */
  reload(): readonly { readonly listener: string; readonly fault: BrokerError | null }[];
  /** Of the authority that clients can be told to trust; empty: every listener has a certificate of its own. */
  readonly authorityPath: string;
}

export interface RunningNode {
  readonly listeners: readonly RunningListener[];
  readonly shardCount: number;
  readonly transportKind: 'native' | 'node';
  readonly webSocketEngine: string;
  /** host:port of the control plane; empty: it is disabled. */
  readonly grpcAddress: string;
  readonly certificates: RunningCertificates;
  /** host:port of metrics, health and API over HTTP; empty: it is disabled. */
  readonly httpAddress: string;
  connections(): number;
  /** Plain data; see control-wire.ts. Rejects with BrokerError. */
  query(question: ControlQuestion): Promise<object>;
  /** For the audit log: settings were read again, by whom, and what that did. Plain data. */
  noteReload(by: string, outcome: object): void;
  /** Plain data for `status -o json`. */
  status(): object;
  /** Stops accepting, tells clients, flushes and closes. Idempotent. */
  stop(): Promise<void>;
  /** Called once when the node cannot go on. Set by the launcher. */
  onFatal: (error: unknown) => void;
}

export type StartNode = (settings: Settings, log: Logger) => Promise<RunningNode>;

/** What `robust-ctl journal verify` and `repair` do with the files of a stopped broker. `runtime/journal-check.ts` does it. */
export interface CheckJournal {
  /** Throws RMQ-1018. */
  lanesOnDisk(dataPath: string): string[];
  /** With `repairs` what is damaged is set aside. Rejects with RMQ-1018. */
  checkLane(dataPath: string, lane: string, repairs: boolean): Promise<LaneCheck>;
}

export interface LaneCheck {
  readonly lane: string;
  readonly segments: number;
  readonly sealed: number;
  readonly entries: number;
  readonly bytes: number;
  readonly findings: readonly { readonly kind: string; readonly file: string; readonly what: string; readonly isDamage: boolean }[];
  /** Files that were set aside, and their new names. */
  readonly renamed: readonly (readonly [from: string, to: string])[];
}
