import { FIRST_BYTE } from '../constants.js';
import type { MqttContext } from '../context.js';
import { sendKept } from '../resend.js';
import type { MqttSession } from '../session.js';
import { handOverHeld } from '../shared/hand-over.js';
import { writeProgress, writeSession } from './rows.js';

/** What waits for a commit of rows. */
export interface HeldSends {
  readonly commit: number;
  readonly session: MqttSession;
  readonly connection: number;
  readonly publishes: readonly number[];
  readonly releases: readonly number[];
}

/** The session's row changed: it is written at the end of the turn. */
export function noteRecord(context: MqttContext, session: MqttSession): void {
  const { durable } = session;
  if (durable === null || session.hasEnded) return;
  durable.isRecordDirty = true;
  context.dirtySessions.add(session);
}

/** How far the session is: written at the end of the turn. */
export function noteProgress(context: MqttContext, session: MqttSession): void {
  const { durable } = session;
  if (durable === null || session.hasEnded) return;
  durable.isProgressDirty = true;
  context.dirtySessions.add(session);
}

/** Packet ids of QoS 2: the client hears of them when the row that names them is durable. */
export function holdPublishes(context: MqttContext, session: MqttSession, firstPacketId: number, count: number): void {
  const { durable } = session;
  if (durable === null) return;
  for (let i = 0; i < count; i += 1) durable.heldPublishes.push(((firstPacketId - 1 + i) % 65535) + 1);
  durable.isProgressDirty = true;
  context.dirtySessions.add(session);
}

export function holdRelease(context: MqttContext, session: MqttSession, packetId: number): void {
  const { durable } = session;
  if (durable === null) return;
  durable.heldReleases.push(packetId);
  durable.isProgressDirty = true;
  context.dirtySessions.add(session);
}

/**
 * Runs `done` when everything that was written up to now is durable. Rows of tables always will be; for records that a commit loses there is `lost`.
 */
export function whenDurable(context: MqttContext, done: () => void, lost: (() => void) | null = null): void {
  context.afterCommit.push({ commit: context.journal.openCommit, done, lost });
}

/** End of a turn: rows of sessions that somebody waits for ride in the commit of the turn. */
export function writeRows(context: MqttContext): void {
  if (context.dirtySessions.size === 0) return;
  const commit = context.journal.openCommit;
  for (const session of context.dirtySessions) {
    const { durable } = session;
    if (durable === null || session.hasEnded) continue;
    if (durable.isRecordDirty) writeSession(context, session, durable);
    if (durable.isProgressDirty) writeProgress(session, durable);
    durable.isRecordDirty = false;
    durable.isProgressDirty = false;
    context.lateProgress.delete(session);
    if (durable.heldPublishes.length === 0 && durable.heldReleases.length === 0) continue;
    const { heldPublishes: publishes, heldReleases: releases } = durable;
    context.heldSends.push({ commit, session, connection: session.slot, publishes, releases });
    durable.heldPublishes = [];
    durable.heldReleases = [];
  }
  context.dirtySessions.clear();
}

/** Progress that nobody waits for: written now and then, so that a thousand acknowledgements cost one row. */
export function writeLateProgress(context: MqttContext): void {
  for (const session of context.lateProgress) {
    const { durable } = session;
    if (durable === null || session.hasEnded || !durable.isProgressDirty) continue;
    context.dirtySessions.add(session);
  }
  context.lateProgress.clear();
  writeRows(context);
}

/** A commit is over. If it was lost, its rows are in one that follows: what waits for them waits on. */
export function onRowsCommitted(context: MqttContext, commit: number, isLost: boolean): void {
  const { heldSends, afterCommit } = context;
  if (isLost) {
    const next = context.journal.openCommit;
    for (let i = 0; i < heldSends.length && heldSends[i].commit <= commit; i += 1) heldSends[i] = { ...heldSends[i], commit: next };
    const lost: (() => void)[] = [];
    for (let i = 0; i < afterCommit.length && afterCommit[i].commit <= commit; ) {
      const waiting = afterCommit[i];
      if (waiting.lost === null) {
        afterCommit[i] = { ...waiting, commit: next };
        i += 1;
      } else {
        lost.push(waiting.lost);
        afterCommit.splice(i, 1);
      }
    }
    for (const tell of lost) tell();
    return;
  }
  let count = 0;
  while (count < heldSends.length && heldSends[count].commit <= commit) count += 1;
  for (const held of heldSends.splice(0, count)) sendHeld(context, held);
  count = 0;
  while (count < afterCommit.length && afterCommit[count].commit <= commit) count += 1;
  for (const { done } of afterCommit.splice(0, count)) done();
}

function sendHeld(context: MqttContext, { session, connection, publishes, releases }: HeldSends): void {
  handOverHeld(session, publishes);
  // The client came back meanwhile: all of it was sent again.
  if (session.slot < 0 || session.slot !== connection) return;
  for (const packetId of releases) context.commands.ack(connection, FIRST_BYTE.pubrel, packetId);
  for (const packetId of publishes) sendKept(context, session, packetId, 0);
}
