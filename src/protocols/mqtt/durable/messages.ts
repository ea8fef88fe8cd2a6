import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import { StoreError } from '../../../storage/ports.js';
import type { MqttContext } from '../context.js';
import { onDelayed } from '../delayed/on-delayed-publish.js';
import { onDelay } from '../delayed/serve-delay.js';
import { onReplayed } from '../replay/replay.js';
import { onReplay, onReplayEnd } from '../replay/serve-replay.js';
import { onJoined, onKept } from '../shared/membership.js';
import { onGiven } from '../shared/on-given.js';
import { onCountWaiting, onWaiting, ownerAnswered } from './backlog.js';
import { onSessionMoved, relocateFilters } from './life.js';
import { onPulled } from './on-pulled.js';
import { pull } from './pull.js';
import { onForgetSession, onReceivedReleased, onReleaseReceived } from './received-ids.js';
import { onFetch, onPull } from './serve-pull.js';

/*
  Between a session that outlives its connection and the owners of logs:

    pull, fetch        -> pulled                    what the indexes of its filters have; exactly these records
    count-waiting      -> waiting                   how much that is
    replay             -> replayed                  what the log has for a filter, from a place on
    delay              -> delayed                   a message that is published later
    release-received   -> received-released         PUBREL of its client
    forget-session, session-moved                   it has ended; its rows are on another shard now
*/
export function onQueueMessage(context: MqttContext, from: ShardId, message: QueueMessage): void {
  switch (message.kind) {
    case 'pull':
      if (!isServed(context, () => onPull(context, from, message))) context.unserved.push({ from, message });
      return;
    case 'fetch':
      if (!isServed(context, () => onFetch(context, from, message))) context.unserved.push({ from, message });
      return;
    case 'count-waiting':
      if (!isServed(context, () => onCountWaiting(context, from, message))) context.unserved.push({ from, message });
      return;
    case 'waiting':
      onWaiting(context, from, message);
      return;
    case 'pulled': {
      const fetch = context.fetches.get(message.ticket);
      if (fetch === undefined) {
        onPulled(context, from, message);
        return;
      }
      context.fetches.delete(message.ticket);
      fetch.done(message);
      return;
    }
    case 'replay':
      onReplay(context, from, message);
      return;
    case 'replayed':
      onReplayed(context, message);
      return;
    case 'replay-end':
      onReplayEnd(context, from, message.ticket);
      return;
    case 'delay':
      onDelay(context, from, message);
      return;
    case 'delayed':
      onDelayed(context, message.ticket, message.refusal);
      return;
    case 'shared-joined':
      onJoined(context, message.ticket);
      return;
    case 'shared-kept':
      onKept(context, message.ticket);
      return;
    case 'shared-given':
      onGiven(context, message);
      return;
    case 'release-received':
      onReleaseReceived(context, from, message);
      return;
    case 'received-released':
      onReceivedReleased(context, message.ticket);
      return;
    case 'forget-session':
      onForgetSession(context, message.session);
      return;
    case 'session-moved':
      onSessionMoved(context, message.session);
      return;
  }
}

/** @returns false if the log cannot be read now: the question waits. */
function isServed(context: MqttContext, serve: () => void): boolean {
  try {
    serve();
    return true;
  } catch (error) {
    if (!(error instanceof StoreError && error.fault === 'busy')) throw error;
    context.pullAnswer.clear();
    return false;
  }
}

/** Questions that the log could not be read for. */
export function serveAgain(context: MqttContext): void {
  for (const { from, message } of context.unserved.splice(0)) onQueueMessage(context, from, message);
}

/** An owner of logs was replaced: what it was asked, its successor is asked; what it may not have pushed is pulled. */
export function onLogOwnerReplaced(context: MqttContext, owner: ShardId): void {
  for (const waiting of [context.fetches, context.releases])
    for (const { owner: asked, question } of waiting.values()) if (asked === owner) context.broker.sendQueueMessage(owner, question);
  for (const session of context.sessions.values()) {
    const { durable } = session;
    if (durable === null) continue;
    const ticket = durable.pulls.get(owner);
    if (ticket !== undefined) context.pulls.delete(ticket);
    durable.pulls.delete(owner);
    for (const [group, cursor] of durable.cursors) {
      if (cursor.owner !== owner) continue;
      cursor.isLive = false;
      if (context.journal.isVolatile(group)) durable.cursors.delete(group);
    }
    ownerAnswered(context, session, durable, owner);
    pull(context, session);
  }
  relocateFilters(context);
}
