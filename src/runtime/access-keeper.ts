import { join } from 'node:path';
import type { DoorNotesTaken } from '../auth/audit/door-notes.js';
import { FlappingCounts } from '../auth/bans/flapping.js';
import { SystemClock } from '../base/clock.js';
import { describeError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { Command, CommandOutcome } from '../metadata/catalogue/commands.js';
import { keyText } from '../metadata/catalogue/keys.js';
import type { ResourceRecord } from '../metadata/catalogue/resources.js';
import type { Settings } from '../settings/schema.js';
import { AuditLog } from '../telemetry/audit/audit-log.js';
import { AUDITED_KINDS, changedBy, recordOf } from './audited-changes.js';
import type { NodeQuestion } from './questions.js';
import type { ThreadCatalogue } from './thread-catalogue.js';
import type { WitnessedChange } from './witnessed-access.js';

/** Whom bans of clients that come and go are by: they are deleted again when they are over. */
export const BY_FLAPPING = 'flapping';

const QUEUE_MAX = 10_000;
const SWEEP_MS = 60_000;
/** Deleted at a time. */
const SWEPT_MAX = 100;
const BANS_MAX = 1_000_000;

export interface AccessKeeperParts {
  readonly settings: Settings;
  readonly catalogue: ThreadCatalogue;
  readonly propose: (commands: readonly Command[]) => Promise<readonly CommandOutcome[]>;
  readonly log: Logger;
  /** How often bans that are over are deleted, and how long after; for tests, which cannot wait as long. */
  readonly sweepMs?: number;
}

/** On main: writes the audit log, and bans clients that come and go too often. Shards tell it what they see at their door. */
export class AccessKeeper {
  readonly #parts: AccessKeeperParts;
  readonly #clock = new SystemClock();
  readonly #audit: AuditLog | null;
  readonly #flapping: FlappingCounts | null;
  readonly #sweepMs: number;
  readonly #timer: NodeJS.Timeout;
  /** Bans by BY_FLAPPING, of all nodes: those that are over are looked for among them. */
  readonly #automatic = new Map<string, ResourceRecord<'ban'>>();
  #isSweeping = false;

  constructor(parts: AccessKeeperParts) {
    const { settings, catalogue, log } = parts;
    const { enabled, connects_max: connectsMax, window: windowMs } = settings.mqtt.flapping;
    this.#parts = parts;
    this.#sweepMs = parts.sweepMs ?? SWEEP_MS;
    this.#flapping = enabled ? new FlappingCounts({ connectsMax, windowMs }) : null;
    const directory = join(settings.data_path, 'audit');
    const { enabled: isAudited, file_bytes_max: fileBytesMax, files_max: filesMax } = settings.audit;
    const options = { directory, fileBytesMax, filesMax, queueMax: QUEUE_MAX, clock: this.#clock, log };
    this.#audit = isAudited ? new AuditLog(options) : null;
    this.#audit?.record('node.started', { node: settings.node.id });
    for (const kind of AUDITED_KINDS)
      catalogue.follow(kind, (change) => {
        if (change !== 'reset') this.#audit?.record(...recordOf(change));
      });
    catalogue.follow('ban', (change) => {
      if (change === 'reset') this.#countAutomatic();
      else if (change.record !== null) this.#noteBan(change.record);
      else this.#automatic.delete(keyText('ban', change.key));
    });
    this.#countAutomatic();
    this.#timer = setInterval(() => void this.#sweep(), this.#sweepMs).unref();
  }

  /** What a shard saw. */
  onNotes({ refusals, connects, missing }: DoorNotesTaken): void {
    for (const { what, ...fields } of refusals) this.#audit?.record(`${what}.refused`, fields);
    if (missing > 0) this.#audit?.record('refusals.uncounted', { count: missing });
    const nowMs = this.#clock.nowMs();
    for (const { tenant, clientId, count } of connects)
      if (this.#flapping?.note(tenant, clientId, count, nowMs) === true) void this.#ban(tenant, clientId, nowMs);
  }

  /** What changes something is written down with its outcome. @param by who asks, by which way. */
  async witness(question: NodeQuestion, by: string, answer: Promise<object>): Promise<object> {
    const change = changedBy(question);
    if (change === null) return answer;
    try {
      const done = await answer;
      this.#audit?.record('operator.done', { ...change, by });
      return done;
    } catch (error) {
      this.#audit?.record('operator.failed', { ...change, by, error: describeError(error) });
      throw error;
    }
  }

  /** Settings were read again: what that did, or why they were refused. */
  noteReload(by: string, outcome: object): void {
    this.#audit?.record('settings.reloaded', { by, ...outcome });
  }

  /** By gRPC, on this node. */
  onChanged(changes: readonly WitnessedChange[]): void {
    for (const { error, ...change } of changes)
      if (error === null) this.#audit?.record('operator.done', change);
      else this.#audit?.record('operator.failed', { ...change, error });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#audit?.record('node.stopped', { node: this.#parts.settings.node.id });
    await this.#audit?.close();
  }

  /** In the catalogue, so that it holds on all nodes. A ban that an operator made stays what it is. */
  async #ban(tenant: string, clientId: string, nowMs: number): Promise<void> {
    const { settings, catalogue, propose, log } = this.#parts;
    const { ban_time: banMs, connects_max: connects, window: windowMs } = settings.mqtt.flapping;
    const known = catalogue.reader.get('ban', { tenant, kind: 'client', value: clientId });
    if (known !== null && (known.untilMs === 0 || known.untilMs > nowMs)) return;
    const reason = `more than ${connects} connects in ${windowMs / 1000} s`;
    const value = { tenant, kind: 'client', value: clientId, untilMs: nowMs + banMs, reason, by: BY_FLAPPING } as const;
    log.info('client.flapping', 'a client connects too often and is banned', { tenant, client: clientId, untilMs: value.untilMs });
    await this.#propose(propose, [{ kind: 'put-ban', value, expected: known?.revision ?? 0 }]);
  }

  /** Deletes bans that are over, of those that were made here or on another node. Slowly: they are as good as none. */
  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    const nowMs = this.#clock.nowMs();
    const { propose } = this.#parts;
    const over = [...this.#automatic.values()]
      .filter(({ untilMs }) => untilMs !== 0 && untilMs + this.#sweepMs < nowMs)
      .slice(0, SWEPT_MAX);
    const commands = over.map(
      ({ tenant, kind, value, revision }): Command => ({ kind: 'delete-ban', key: { tenant, kind, value }, expected: revision }),
    );
    if (commands.length > 0) await this.#propose(propose, commands);
    this.#isSweeping = false;
  }

  #countAutomatic(): void {
    this.#automatic.clear();
    for (const ban of this.#parts.catalogue.reader.list('ban', { limit: BANS_MAX })) this.#noteBan(ban);
  }

  #noteBan(ban: ResourceRecord<'ban'>): void {
    const key = keyText('ban', ban);
    if (ban.by === BY_FLAPPING) this.#automatic.set(key, ban);
    else this.#automatic.delete(key);
  }

  /** What is refused, somebody else did. */
  async #propose(propose: AccessKeeperParts['propose'], commands: readonly Command[]): Promise<void> {
    try {
      await propose(commands);
    } catch (error) {
      this.#parts.log.warn('ban.unwritten', 'bans of clients that come and go were not written', { error: describeError(error) });
    }
  }
}
