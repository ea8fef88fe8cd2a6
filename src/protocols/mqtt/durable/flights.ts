import type { QueueMessage } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';
import type { MqttContext } from '../context.js';
import { keptBytesMaxOf } from '../limits.js';
import { AWAITS_PUBREC, type InFlight, Outbound } from '../outbound.js';
import { groupOfOne } from '../plan.js';
import { encodeSubscriptionIdentifiers } from '../properties.js';
import { routeOf } from '../publish.js';
import { fixedHeaderLength, frameLength } from '../publish-frame.js';
import { storeRun } from '../run-view.js';
import type { MqttSession } from '../session.js';
import { handedOver, sharedPlace } from '../shared/places.js';
import type { Delivery } from '../stored-run.js';
import type { DurableSession } from './durable-session.js';

/**
 * Deliveries of QoS 2 that an earlier process sent: before the first reconnect is answered their messages are fetched from the log, so that
 * they go out again with their packet ids. Those that are gone by now are settled. `done` once, also if there are none.
 */
export function fetchFlights(context: MqttContext, session: MqttSession, done: () => void): void {
  const { durable } = session;
  const restored = durable?.restored ?? null;
  if (durable === null || restored === null) {
    done();
    return;
  }
  const byGroup = new Map<GroupId, Sequence[]>();
  for (const { group, sequence } of restored.flights) {
    const sequences = byGroup.get(group);
    if (sequences === undefined) byGroup.set(group, [sequence]);
    else sequences.push(sequence);
  }
  const found = new Map<string, Delivery>();
  let open = byGroup.size;
  for (const [group, sequences] of byGroup) {
    const ticket = context.takeTicket();
    const owner = context.ownerOfGroup(group);
    const question = { kind: 'fetch', ticket, group, sequences } as const;
    context.fetches.set(ticket, {
      owner,
      question,
      done: (answer) => {
        collect(context, session, group, answer, found);
        open -= 1;
        if (open > 0) return;
        if (durable.restored === restored) restore(context, session, durable, found);
        done();
      },
    });
    sequences.sort((a, b) => a - b);
    context.broker.sendQueueMessage(owner, question);
  }
}

function collect(
  context: MqttContext,
  session: MqttSession,
  group: GroupId,
  { frames, sequences: bytes }: Extract<QueueMessage, { kind: 'pulled' }>,
  found: Map<string, Delivery>,
): void {
  const sequences = new Float64Array(bytes.slice().buffer);
  let offset = 0;
  for (const sequence of sequences) {
    const length = frameLength(frames, offset);
    const body = offset + fixedHeaderLength(frames, offset);
    const topic = context.transport.internTopic(frames.subarray(body + 2, body + 2 + ((frames[body] << 8) | frames[body + 1])));
    const receiver =
      topic < 0
        ? undefined
        : routeOf(context, context.spaceOf(session.tenant), topic).receivers.find(({ subscriber }) => subscriber === session);
    const options = receiver === undefined ? null : groupOfOne(receiver);
    const run = storeRun(frames, offset, length, 1, 5, context.nowMs);
    const retain = options?.retainAsPublished === 1 ? ((frames[offset] & 1) as 0 | 1) : 0;
    found.set(`${group}.${sequence}`, {
      run,
      qos: 2,
      retain,
      identifiers: options?.identifiers ?? null,
      log: { group, sequences: Float64Array.of(sequence) },
    });
    offset += length;
  }
}

function restore(context: MqttContext, session: MqttSession, durable: DurableSession, found: Map<string, Delivery>): void {
  const { restored } = durable;
  if (restored === null) return;
  durable.restored = null;
  const { flights, nextPacketId } = restored;
  const inFlight: InFlight[] = [];
  for (const { packetId, state, group: logGroup, sequence, shared } of flights) {
    const own = state === AWAITS_PUBREC ? (found.get(`${logGroup}.${sequence}`) ?? null) : null;
    const delivery = own === null || shared === undefined ? own : asShared(session, own, shared);
    const group = shared === undefined ? logGroup : pastPlace(context, session, shared, logGroup);
    if (state === AWAITS_PUBREC && delivery === null) session.settle(group, sequence);
    else inFlight.push({ packetId, state, delivery, offset: 0, group, sequence });
  }
  const age = ({ packetId }: InFlight): number => (nextPacketId - packetId + PACKET_IDS) % PACKET_IDS;
  inFlight.sort((a, b) => age(b) - age(a));
  const outbound = new Outbound(context.limits.inflightMax, true, keptBytesMaxOf(context.limits));
  session.useOutbound(outbound);
  outbound.restore(nextPacketId, inFlight);
  if (session.connection !== null) outbound.resize(Math.min(context.limits.inflightMax, session.connection.receiveMaximum));
}

/** A message in flight that came by a shared subscription, as that one asked for it. */
function asShared(session: MqttSession, delivery: Delivery, key: string): Delivery {
  const options = session.shares?.find(key)?.options;
  const retain = options?.retainAsPublished ? ((delivery.run.bytes[0] & 1) as 0 | 1) : 0;
  const identifier = options?.identifier ?? 0;
  return { ...delivery, retain, identifiers: identifier === 0 ? null : encodeSubscriptionIdentifiers([identifier]), log: null };
}

/** Its queue knows that it is the session's. */
function pastPlace(context: MqttContext, session: MqttSession, key: string, group: GroupId): number {
  const shares = session.openShares(context.doneLines);
  return handedOver(sharedPlace(shares.addPast(key), group));
}

const PACKET_IDS = 65535;
