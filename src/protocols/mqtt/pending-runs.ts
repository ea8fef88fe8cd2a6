import { assert } from '../../base/assert.js';
import type { Appended, LogTarget, ShardId } from '../../broker/ports.js';
import type { CommitNumber, OpenBatch } from '../../journal/ports.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import type { MqttSession } from './session.js';
import type { StagingSlab } from './staging.js';
import type { TenantSpace } from './tenant-space.js';

/** The publisher is a client of this shard. */
export const OWN_SHARD = -1;
/** Nothing is acknowledged: QoS 0. */
export const NO_ACK = 0;

/**
 * A run of publishes between its arrival and its acknowledgement. Its frames wait in a staging slab; when its commit is durable they are
 * delivered and acknowledged, in the order in which they came.
 *
 *   own client, own log        appended here, delivered here, acknowledged here
 *   own client, other's log    sent there, answered by ticket, acknowledged here
 *   other's client, own log    appended here, delivered here, answered by ticket
 */
export class PendingRun {
  /** Null: another shard has the log. */
  batch: OpenBatch | null = null;
  /** Of its first record in the batch. */
  recordIndex = 0;
  commit: CommitNumber = 0;
  slab: StagingSlab | null = null;
  offset = 0;
  length = 0;
  count = 0;
  version: 4 | 5 = 4;
  /** This shard's number of the topic; checked against its generation before use. */
  topic: TopicId = -1;
  generation = 0;
  space: TenantSpace | null = null;
  target: LogTarget | null = null;
  /** Whose publish it is, if of this shard. It may have gone meanwhile. */
  connection: MqttConnection | null = null;
  session: MqttSession | null = null;
  /** Shard of the publisher, its ticket and its connection there. */
  from: ShardId = OWN_SHARD;
  ticket = 0;
  publisher = -1;
  /** Of its client identifier, if a shared subscription may ask for it. */
  publisherHash = 0;
  /** Of a QoS 2 publish of a session that outlives its connection: the session's number. 0 else. */
  sessionUid = 0;
  /** Number of the session that published it and does not get it, by No Local; 0: none. */
  notFor = 0;
  /** PUBACK or PUBREC; NO_ACK. */
  ackFirstByte: number = NO_ACK;
  ackReason = 0;
  /** What must still happen before the acknowledgement: the commit, a retained message that its owner has to store. */
  waits = 0;
  /** Its acknowledgement does not wait for the commit. */
  isEarly = false;
  /** A QoS 2 publish that came again: nothing of it was appended. */
  isRepeated = false;
  outcome: Appended = 0;
  /** Why it was not taken, as a reason code of MQTT 5, where the outcome alone does not say it; 0 else. */
  refusal = 0;
  /** Of a run that no client waits for: told the outcome. */
  onOutcome: ((outcome: Appended) => void) | null = null;
  /** Lists and callbacks that refer to it; with the last of them it is used again. */
  users = 0;
  next: PendingRun | null = null;
  /** Behind it in the line of its connection. */
  nextOfConnection: PendingRun | null = null;
}

/** Publishes of one connection that are not acknowledged yet, in their order. */
export class UnacknowledgedRuns {
  #first: PendingRun | null = null;
  #last: PendingRun | null = null;

  push(run: PendingRun): void {
    assert(run.nextOfConnection === null && run !== this.#last, 'a run stands in one line, once');
    if (this.#last === null) this.#first = run;
    else this.#last.nextOfConnection = run;
    this.#last = run;
  }

  /** The oldest, if nothing keeps its acknowledgement any more; null else. */
  shiftReady(): PendingRun | null {
    const run = this.#first;
    if (run === null || run.waits > 0) return null;
    this.#first = run.nextOfConnection;
    if (this.#first === null) this.#last = null;
    run.nextOfConnection = null;
    return run;
  }
}

/** First in, first out; the objects are used again. */
export class PendingRuns {
  #first: PendingRun | null = null;
  #last: PendingRun | null = null;
  #free: PendingRun | null = null;
  /** Runs that wait. */
  length = 0;

  /** A run for the caller to fill in. */
  take(): PendingRun {
    const run = this.#free;
    if (run === null) return new PendingRun();
    this.#free = run.next;
    run.next = null;
    return run;
  }

  /** Nobody refers to it any more. */
  give(run: PendingRun): void {
    run.batch = null;
    run.slab = null;
    run.target = null;
    run.space = null;
    run.connection = null;
    run.session = null;
    run.sessionUid = 0;
    run.notFor = 0;
    run.publisherHash = 0;
    run.from = OWN_SHARD;
    run.ackFirstByte = NO_ACK;
    run.ackReason = 0;
    run.isEarly = false;
    run.isRepeated = false;
    run.outcome = 0;
    run.refusal = 0;
    run.onOutcome = null;
    run.next = this.#free;
    this.#free = run;
  }

  push(run: PendingRun): void {
    assert(run.next === null && run !== this.#last, 'a run waits once');
    if (this.#last === null) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
    this.length += 1;
  }

  /** The oldest whose commit is `commit` or earlier; null if there is none. Commits never go back. */
  shift(commit: CommitNumber): PendingRun | null {
    const run = this.#first;
    if (run === null || run.commit > commit) return null;
    this.#first = run.next;
    if (run.next === null) this.#last = null;
    run.next = null;
    this.length -= 1;
    return run;
  }
}
