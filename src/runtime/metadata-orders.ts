import type { ErrorCode } from '../base/errors.js';
import { BrokerError } from '../base/errors.js';
import type { JournalShape } from '../journal/placement.js';
import type { Command, CommandOutcome } from '../metadata/catalogue/commands.js';
import type { MqttCall, StreamDefaults } from '../metadata/grpc/ports.js';
import type { NodeStatus } from '../metadata/node-status.js';
import type { RequestFailure } from '../metadata/requests.js';
import type { Settings } from '../settings/schema.js';
import type { LegacyStreams } from './legacy-streams.js';
import type { LogNotice } from './port-logger.js';
import type { WitnessedChange } from './witnessed-access.js';

/*
  What main and the metadata thread tell each other, in order, by the worker's message port.

    main                                        raft
      hand-over ------------------------------->  opens, finds or founds its cluster
      <------------------------------- full       the whole catalogue, encoded: at the start, and after a snapshot of a leader
      <------------------------------- delta      every change from then on, in order
      propose, ask (ticket) ------------------->
      <------------------------- outcome, answer  (ticket)
      <----------------------------- mqtt-call    (ticket) what gRPC asks about MQTT
      mqtt-word (ticket) ---------------------->
*/

export interface MetadataHandOver {
  readonly settings: Settings;
  readonly version: string;
  /** Memory of ThreadCells, for the log level. */
  readonly cells: SharedArrayBuffer;
  /** Of the journal in this data directory; the catalogue is told. null: this node has none. */
  readonly shape: JournalShape | null;
  /** There were records in this data directory before this start. */
  readonly hasJournal: boolean;
  /** Of a data directory that had no catalogue yet. */
  readonly legacy: LegacyStreams | null;
  readonly streamDefaults: StreamDefaults;
}

export type ClusterQuestion =
  | { readonly verb: 'cluster-status' | 'cluster-members' }
  | { readonly verb: 'cluster-join'; readonly address: string; readonly token: string }
  /** By name or number. */
  | { readonly verb: 'cluster-leave' | 'cluster-transfer'; readonly node: string };

export type MetadataOrder =
  | { readonly kind: 'propose'; readonly ticket: number; readonly commands: readonly Command[]; readonly deadlineMs: number }
  | { readonly kind: 'ask'; readonly ticket: number; readonly question: ClusterQuestion }
  /** To `mqtt-call`. */
  | { readonly kind: 'mqtt-word'; readonly ticket: number; readonly word: MqttWord }
  /** Answered by `full`. */
  | { readonly kind: 'want-full' }
  | { readonly kind: 'stop' };

/** An error with its code, as plain data. */
export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly cure: string | undefined;
}

/** What main says to a call of robustmq.v1.Mqtt. */
export type MqttWord =
  | { readonly kind: 'answered'; readonly response: Uint8Array }
  | { readonly kind: 'refused'; readonly fault: Fault }
  /** By a bug of ours; main's log has it too. */
  | { readonly kind: 'failed'; readonly what: string };

export type ProposeAnswer = { readonly kind: 'applied'; readonly outcomes: readonly CommandOutcome[] } | RequestFailure;

export type MetadataNotice =
  | { readonly kind: 'full'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'delta'; readonly bytes: Uint8Array }
  /** The gRPC port is open; 0: it is disabled. */
  | { readonly kind: 'serving'; readonly nodeId: number; readonly port: number }
  | { readonly kind: 'outcome'; readonly ticket: number; readonly answer: ProposeAnswer }
  | { readonly kind: 'answer'; readonly ticket: number; readonly body: object }
  | { readonly kind: 'refusal'; readonly ticket: number; readonly fault: Fault }
  /** By gRPC. Told if there is an audit log. */
  | { readonly kind: 'changed'; readonly changes: readonly WitnessedChange[] }
  | { readonly kind: 'mqtt-call'; readonly ticket: number; readonly call: MqttCall }
  | { readonly kind: 'status'; readonly status: NodeStatus }
  /** The node cannot go on; its process ends. */
  | { readonly kind: 'fatal'; readonly fault: Fault }
  | { readonly kind: 'stopped' }
  | LogNotice
  | { readonly kind: 'failed'; readonly error: unknown };

const CODE_FORM = /^RMQ-\d{4} /;

/** @param fallback the code of what is no BrokerError. */
export function faultOf(error: unknown, fallback: ErrorCode): Fault {
  if (!(error instanceof BrokerError))
    return { code: fallback, detail: `(${error instanceof Error ? error.message : String(error)})`, cure: undefined };
  // The message is code, title and detail; the title comes from the code again.
  const whole = new BrokerError(error.code, '').message;
  return {
    code: error.code,
    detail: error.message
      .replace(CODE_FORM, '')
      .slice(whole.length - error.code.length)
      .trim(),
    cure: error.cure,
  };
}

export function errorOf({ code, detail, cure }: Fault): BrokerError {
  return new BrokerError(code, detail, cure === undefined ? {} : { cure });
}
