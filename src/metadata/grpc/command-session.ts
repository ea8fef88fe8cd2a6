import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { CommandEnvelope, CommandOutcome } from '../catalogue/commands.js';
import type { ProposeAnswer, RequestFailure } from '../requests.js';
import { callerOf } from './call-gate.js';
import type { Checked } from './checked-definition.js';
import { commandFromWire, envelopeOf, outcomeToWire } from './command-conversion.js';
import { CallFailure, statusOf } from './error-status.js';
import {
  type Command as CommandMessage,
  type Outcome,
  Refusal,
  SessionFailure,
  type SessionRequest,
  type SessionResponse,
} from './generated/robustmq/v1/catalogue.js';
import type { Key, Record as RecordMessage } from './generated/robustmq/v1/resources.js';
import { type KindedKey, keyFromWire } from './key-conversion.js';
import type { MetadataAccess } from './ports.js';
import { recordToWire } from './resource-conversion.js';

/** Commands and reads of one batch. */
export const BATCH_LENGTH_MAX = 4096;
/** Of one session. With more, nothing is read from its client until there is room. */
const UNDER_WAY_MAX = 16_384;
const TIMEOUT_MS_DEFAULT = 10_000;
const TIMEOUT_MS_MAX = 60_000;

export type SessionCall = ServerDuplexStream<SessionRequest, SessionResponse>;

const FAILURES = {
  'no-leader': SessionFailure.NO_LEADER,
  busy: SessionFailure.BUSY,
  unknown: SessionFailure.UNKNOWN,
  invalid: SessionFailure.INVALID,
} as const satisfies Record<RequestFailure['kind'], SessionFailure>;

/** Its answer goes out when both of its parts are there. */
interface Batch {
  readonly sequence: number;
  readonly length: number;
  /** Parts that are not answered yet. */
  open: number;
  outcomes: readonly Outcome[];
  records: readonly RecordMessage[];
  failure: RequestFailure | null;
}

/** One client's stream of batches. It answers them as they are done, and reads no more than it can hold. */
export class CommandSession {
  readonly #call: SessionCall;
  readonly #access: MetadataAccess;
  readonly #by: string;
  #underWay = 0;
  /** The client does not read its answers. */
  #isBlocked = false;
  #isOver = false;

  constructor(call: SessionCall, access: MetadataAccess) {
    this.#call = call;
    this.#access = access;
    this.#by = callerOf(call);
    call.on('data', (request: Checked<SessionRequest>) => {
      if (request instanceof CallFailure) call.emit('error', statusOf(request));
      else this.#onBatch(request);
    });
    call.on('end', () => {
      this.#isOver = true;
      this.#maybeEnd();
    });
    call.on('drain', () => {
      this.#isBlocked = false;
      this.#pace();
    });
  }

  #onBatch({ sequence, commands, reads, timeoutMs }: SessionRequest): void {
    const length = commands.length + reads.length;
    const batch: Batch = { sequence, length, open: 1, outcomes: [], records: [], failure: null };
    this.#underWay += length;
    this.#pace();
    if (length > BATCH_LENGTH_MAX) {
      batch.failure = { kind: 'invalid', why: `a batch has at most ${BATCH_LENGTH_MAX} commands and reads` };
      this.#onPart(batch);
      return;
    }
    const deadlineMs = timeoutMs === 0 ? TIMEOUT_MS_DEFAULT : Math.min(timeoutMs, TIMEOUT_MS_MAX);
    if (commands.length > 0) this.#propose(batch, commands, deadlineMs);
    if (reads.length > 0) this.#read(batch, reads, deadlineMs);
    this.#onPart(batch); // This one: access may have answered at once.
  }

  /** A command that is not well is refused alone. */
  #propose(batch: Batch, commands: readonly CommandMessage[], deadlineMs: number): void {
    const outcomes: (Outcome | null)[] = [];
    const envelopes: CommandEnvelope[] = [];
    for (const command of commands) outcomes.push(tryConvert(command, envelopes));
    batch.open += 1;
    if (envelopes.length === 0) {
      this.#onOutcomes(batch, outcomes, []);
      return;
    }
    const onAnswer = (answer: ProposeAnswer): void => {
      if (answer.kind === 'applied') this.#onOutcomes(batch, outcomes, answer.result);
      else {
        batch.failure = answer;
        this.#onPart(batch);
      }
    };
    this.#access.propose(envelopes, deadlineMs, onAnswer, this.#by);
  }

  /** @param known null: in its place comes the next of `applied`. */
  #onOutcomes(batch: Batch, known: readonly (Outcome | null)[], applied: readonly CommandOutcome[]): void {
    let at = 0;
    batch.outcomes = known.map((outcome) => {
      if (outcome !== null) return outcome;
      at += 1;
      return outcomeToWire(applied[at - 1]);
    });
    this.#onPart(batch);
  }

  #read(batch: Batch, keys: readonly Key[], deadlineMs: number): void {
    let wanted: readonly KindedKey[];
    try {
      wanted = keys.map(keyFromWire);
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      batch.failure = { kind: 'invalid', why: error.message };
      return;
    }
    batch.open += 1;
    this.#access.read(deadlineMs, (answer) => {
      if (answer.kind === 'fresh') batch.records = wanted.map((key) => this.#recordOf(key));
      else batch.failure = answer;
      this.#onPart(batch);
    });
  }

  #recordOf({ kind, key }: KindedKey): RecordMessage {
    const record = this.#access.reader.get(kind, key);
    return record === null ? { resource: undefined, revision: 0 } : recordToWire(kind, record);
  }

  #onPart(batch: Batch): void {
    batch.open -= 1;
    if (batch.open > 0) return;
    this.#underWay -= batch.length;
    if (!this.#call.writable) return; // It was cancelled.
    const { sequence, outcomes, records, failure } = batch;
    const response: SessionResponse = {
      sequence,
      outcomes,
      records,
      failure: failure === null ? SessionFailure.NONE : FAILURES[failure.kind],
      detail: failure?.kind === 'invalid' ? failure.why : '',
    };
    this.#isBlocked = !this.#call.write(response);
    this.#pace();
    this.#maybeEnd();
  }

  #pace(): void {
    const isFull = this.#isBlocked || this.#underWay > UNDER_WAY_MAX;
    if (isFull !== this.#call.isPaused()) {
      if (isFull) this.#call.pause();
      else this.#call.resume();
    }
  }

  #maybeEnd(): void {
    if (this.#isOver && this.#underWay === 0 && this.#call.writable) this.#call.end();
  }
}

/** @returns null: it was added to the envelopes. Else why not. */
function tryConvert(command: CommandMessage, envelopes: CommandEnvelope[]): Outcome | null {
  try {
    envelopes.push(envelopeOf(commandFromWire(command), command.requestId));
    return null;
  } catch (error) {
    if (!(error instanceof CallFailure)) throw error;
    return { refusal: Refusal.INVALID, revision: 0, id: 0, detail: error.message };
  }
}
