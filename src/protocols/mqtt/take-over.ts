import { ANONYMOUS } from '../../auth/ports.js';
import { splitSessionKey } from '../../base/tenant-names.js';
import type { ClaimVerdict, ShardId } from '../../broker/ports.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import { endConnection } from './close.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { leaveDurable, onSessionMoved } from './durable/life.js';
import { endSession, keepSession, scheduleExpiry } from './session-end.js';
import { decodeSessionState, encodeSessionState, restoreSubscriptions } from './session-state.js';

/**
 * Another connection claims a session of this shard (MQTT-3.1.4-3): its connection here hears 0x8E and goes. A session that outlives its
 * connection moves to the claimant, or stays where it is if the claimant is on this shard.
 */
export function onSurrender(
  context: MqttContext,
  clientId: string,
  discard: boolean,
  claimant: ShardId,
  answer: (state: Uint8Array | null) => void,
): void {
  const session = context.sessions.get(clientId);
  if (session === undefined) {
    answer(null);
    return;
  }
  session.isLeaving = true;
  if (session.connection !== null) {
    context.counts[COUNT.sessionsTakenOver] += 1;
    endConnection(context, session.connection, REASON.sessionTakenOver, 'another connection took the session over');
  }
  if (session.hasEnded || discard) {
    endSession(context, session);
    answer(null);
    return;
  }
  if (claimant === context.broker.shard) {
    session.isLeaving = false;
    answer(null);
    return;
  }
  session.isMoving = true;
  const state = encodeSessionState(context, session);
  leaveDurable(context, session, claimant);
  session.pendingWill = null; // The client is back: its will is not due.
  endSession(context, session);
  answer(state);
}

/** Its new connection went away while the session moved: it waits here for the next one. */
export function keepOrphan(context: MqttContext, clientId: string, state: Uint8Array): void {
  const moved = decodeSessionState(context, clientId, state);
  keepSession(context, moved.session);
  restoreSubscriptions(context, moved, () => {});
  scheduleExpiry(context, moved.session);
}

/**
 * A session is its owner's; one that an earlier version kept without goes to whoever comes first. One that nobody in particular opened keeps no user
 * out, but what waits in it was meant for anybody: it ends, and the user begins a new one.
 */
export function judgeClaim(context: MqttContext, clientId: string, owner: string): ClaimVerdict {
  const known = context.sessions.get(clientId)?.owner ?? null;
  if (known === null || known === owner) return 'mine';
  if (known !== ANONYMOUS) return 'taken';
  context.log.info('session.unowned-ended', 'a session that was opened without a name ends: a user connects with its client id', {
    ...splitSessionKey(clientId),
    user: owner,
  });
  return 'unowned';
}

/** At the start: another shard has a later state of the session, with the same number or, after a clean start, another one. */
export function dropOutdated(context: MqttContext, clientId: string): void {
  const session = context.sessions.get(clientId);
  if (session === undefined || session.durable === null) return;
  session.isLeaving = true;
  session.isMoving = true;
  leaveDurable(context, session, context.broker.shard);
  session.pendingWill = null;
  endSession(context, session);
  onSessionMoved(context, session.durable.uid);
}
