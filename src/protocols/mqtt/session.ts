import { type Identity, type Rights, UNLIMITED } from '../../auth/ports.js';
import { splitSessionKey } from '../../base/tenant-names.js';
import type { MqttConnection } from './connection.js';
import type { DurableSession } from './durable/durable-session.js';
import type { SessionDrops } from './explain/session-drops.js';
import { keptBytesMaxOf, type MqttLimits } from './limits.js';
import { MessageQueue } from './message-queue.js';
import { Outbound } from './outbound.js';
import type { PendingRun } from './pending-runs.js';
import { ReceivedIds } from './received.js';
import type { Replay } from './replay/replay.js';
import type { RetainedReplay } from './retained-replay.js';
import type { PublishMemory } from './rights.js';
import type { DoneLines } from './shared/done-lines.js';
import { isShared } from './shared/places.js';
import { Shares } from './shared/shares.js';
import type { DeliveryMarks } from './slow/delivery-marks.js';
import type { Will } from './will.js';

/** MQTT 5 §3.1.2.11.2: the session never expires. */
export const EXPIRY_NEVER = 0xffffffff;

/**
 * What a client and we owe each other (MQTT 5 §4.1). It outlives the connection if its expiry says so. Its subscriptions are kept by the
 * broker. Queues and in-flight state are made when first needed: an idle client costs this object alone.
 */
export class MqttSession {
  /** By which the broker, the directory and the tables know it (base/tenant-names.ts). */
  readonly key: string;
  readonly tenant: string;
  readonly clientId: string;
  /** The connection it has now, or null. `slot` repeats its number for the hot path; -1 while offline. */
  connection: MqttConnection | null = null;
  slot = -1;
  /** True while a delivery may go straight to the connection: online, not congested, nothing queued. */
  isReady = false;
  /** The connection's output is above its high mark. */
  isCongested = false;
  /** Congested, and nothing moved since the last look: its publishers are not held back for its sake. */
  isStalled = false;
  /** Protocol level of the connection: decides how deliveries are encoded. 4 stands for 3.1 too. */
  version: 4 | 5 = 4;
  /** The client limits packet sizes or takes topic aliases: its deliveries are encoded one by one. */
  isSpecial = false;
  /** The user that opened it: it is nobody else's. Null: an earlier version kept it without. */
  owner: string | null = null;
  isSuperuser = false;
  /** Of its connection, or its last one in this process. */
  identity: Identity | null = null;
  /** What the client may do, as of `rightsVersion`: read it by `rightsOf` (rights.ts). */
  rights: Rights = UNLIMITED;
  rightsVersion = 0;
  /** One of its filters matches topics that it may not receive: each topic is looked at. */
  isGuarded = false;
  publishMemory: PublishMemory | null = null;
  /** When a connection had the session last, or has it now: since the epoch, rising. Of two states of a session the later counts. */
  claimedAtMs = 0;
  /** Seconds the session lives after its connection; 0: it ends with it. */
  expirySeconds = 0;
  /** Milliseconds since the epoch when an offline session ends; 0 while online; Infinity: never. */
  endsAtMs = 0;
  /** What the journal has of it; null if it ends with its connection. */
  durable: DurableSession | null = null;
  /** It ends with its connection, but its will is in the journal. */
  hasTransientRow = false;
  outbound: Outbound | null = null;
  queue: MessageQueue | null = null;
  /** Retained messages that are still to be asked for, and whether that is under way; null: none. */
  retainedReplays: RetainedReplay[] | null = null;
  isAskingRetained = false;
  /** Of its connection; null: none. */
  replays: Replay[] | null = null;
  received: ReceivedIds | null = null;
  /** Null until it has a shared subscription. */
  shares: Shares | null = null;
  /** QoS 2 publishes of the client whose commit is under way, and answers to repetitions that wait for them. */
  pendingQos2 = 0;
  readonly repeated: PendingRun[] = [];
  /** A will that waits for its delay while the client is away, and when it is due. */
  pendingWill: Will | null = null;
  pendingWillAtMs = 0;
  hasEnded = false;
  /** Times of what is in flight; null: nobody measures them. */
  marks: DeliveryMarks | null = null;
  /** What it did not get, and why; null: nothing was dropped. */
  drops: SessionDrops | null = null;
  /** It is being given up to another connection: the session directory knows. */
  isLeaving = false;
  /** Its state is on the way to another shard, and its rows stay until they are there too. */
  isMoving = false;
  /** Publishers (connections) that we stopped reading until this session catches up; null if none. */
  waiters: number[] | null = null;

  /** Acknowledgements the client ever sent, and where `releaseStalled` last saw it. */
  acknowledged = 0;
  /** Of its client identifier; 0 until somebody asks (shared/member-choice.ts). */
  publisherHash = 0;
  progress = 0;

  constructor(key: string) {
    const { tenant, clientId } = splitSessionKey(key);
    this.key = key;
    this.tenant = tenant;
    this.clientId = clientId;
  }

  /** In-flight state, made at first use with the connection's window. */
  openOutbound(limits: MqttLimits): Outbound {
    if (this.outbound === null) {
      const clientWindow = this.connection === null ? limits.inflightMax : this.connection.receiveMaximum;
      // A client may come back to a session that outlived its connection, and ask that it ends with this one: its messages are still in the log.
      const keepsMessages = this.expirySeconds > 0 || this.durable !== null;
      this.useOutbound(new Outbound(Math.min(limits.inflightMax, clientWindow), keepsMessages, keptBytesMaxOf(limits)));
    }
    return this.outbound as Outbound;
  }

  useOutbound(outbound: Outbound): void {
    this.outbound = outbound;
    this.#listen();
  }

  /** Its first shared subscription is made. */
  openShares(lines: DoneLines): Shares {
    if (this.shares === null) {
      this.shares = new Shares(lines, () => {
        if (this.durable !== null) this.durable.isProgressDirty = true;
      });
      this.#listen();
    }
    return this.shares;
  }

  /** A message of the log or of a shared queue is the client's, or will not be sent. */
  settle(place: number, sequence: number): void {
    if (isShared(place)) {
      this.shares?.settle(place, sequence);
      if (this.durable !== null) this.durable.isProgressDirty = true;
    } else this.durable?.settle(place, sequence);
  }

  #listen(): void {
    const { outbound } = this;
    if (outbound !== null && (this.durable !== null || this.shares !== null))
      outbound.onSettled = (place, sequence) => this.settle(place, sequence);
  }

  openQueue(limits: MqttLimits): MessageQueue {
    this.queue ??= new MessageQueue(limits.queueMessagesMax, limits.queueBytesMax);
    return this.queue;
  }

  openReceived(): ReceivedIds {
    this.received ??= new ReceivedIds();
    return this.received;
  }

  /** Call after anything that `isReady` depends on has changed. */
  updateReady(): void {
    this.isReady = this.slot >= 0 && !this.isCongested && (this.queue === null || this.queue.isEmpty);
  }
}
