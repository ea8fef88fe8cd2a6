import { pack, unpack } from 'msgpackr';
import type { SubscribeRequest } from '../../broker/ports.js';
import type { MqttContext } from './context.js';
import { keptBytesMaxOf } from './limits.js';
import { MessageQueue } from './message-queue.js';
import { Outbound } from './outbound.js';
import { MqttSession } from './session.js';
import type { Delivery } from './stored-run.js';

/*
  A session on its way to another shard of this node. Written and read by the same program, never stored; frames stay binary.
*/
interface SessionState {
  readonly expirySeconds: number;
  readonly subscriptions: readonly SubscribeRequest[];
  readonly nextPacketId: number;
  readonly inFlight: readonly { packetId: number; state: number; delivery: Delivery | null; offset: number }[];
  readonly queue: readonly { delivery: Delivery; offset: number; remaining: number }[];
  readonly received: readonly number[];
}

export function encodeSessionState(context: MqttContext, session: MqttSession): Uint8Array {
  const inFlight: SessionState['inFlight'][number][] = [];
  session.outbound?.forEach((packetId, state, delivery, offset) => {
    inFlight.push({ packetId, state, delivery, offset });
  });
  const state: SessionState = {
    expirySeconds: session.expirySeconds,
    subscriptions: context.broker.subscriptionsOf(session),
    nextPacketId: session.outbound?.nextPacketId ?? 1,
    inFlight,
    queue: session.queue?.entries().map(({ delivery, offset, remaining }) => ({ delivery, offset, remaining })) ?? [],
    received: session.received?.toArray() ?? [],
  };
  return pack(state);
}

/** A session that came here, and the subscriptions it had: `restoreSubscriptions` gives them back. */
export interface MovedSession {
  readonly session: MqttSession;
  readonly subscriptions: readonly SubscribeRequest[];
}

export function decodeSessionState(context: MqttContext, clientId: string, bytes: Uint8Array): MovedSession {
  const state = unpack(bytes) as SessionState; // Our own words: `encodeSessionState` of another thread wrote them.
  const session = new MqttSession(clientId);
  session.expirySeconds = state.expirySeconds;
  if (state.inFlight.length > 0 || state.nextPacketId !== 1) {
    session.outbound = new Outbound(context.limits.inflightMax, true, keptBytesMaxOf(context.limits));
    session.outbound.restore(state.nextPacketId, state.inFlight);
  }
  if (state.queue.length > 0) {
    session.queue = new MessageQueue(context.limits.queueMessagesMax, context.limits.queueBytesMax);
    for (const { delivery, offset, remaining } of state.queue) session.queue.append(delivery, offset, remaining);
  }
  if (state.received.length > 0) {
    const received = session.openReceived();
    for (const packetId of state.received) received.add(packetId);
  }
  return { session, subscriptions: state.subscriptions };
}

/** Subscribes for a session that moved here; its retained messages were sent long ago. `done` when every shard routes to it. */
export function restoreSubscriptions(context: MqttContext, { session, subscriptions }: MovedSession, done: () => void): void {
  const requests = subscriptions.map(({ filter, options }) => ({ filter, options: { ...options, retainHandling: 2 as const } }));
  context.broker.subscribe(session, requests, done);
}
