import { hashOfBytes } from '../../base/fnv.js';
import { isRoutingName } from '../../base/tenant-names.js';
import type { Receiver, Route, SharedGroup } from '../../broker/ports.js';
import type { QueuedGroup } from '../../broker/shared/ports.js';
import type { ListId } from '../../transport/ports.js';
import type { MqttContext } from './context.js';
import { isDelayedTopic } from './delayed/delayed-topic.js';
import { encodeSubscriptionIdentifiers } from './properties.js';
import { isKeptFrom } from './rights.js';
import type { MqttSession } from './session.js';

/** No list: the group is small or needs a packet id for each. */
export const NO_LIST = -1;
/** From so many receivers on a list pays for itself. */
const LIST_FROM = 4;

/** Receivers of one topic who get the same bytes, but for the packet id. */
export interface Group {
  readonly version: 4 | 5;
  /** Granted. */
  readonly qos: 0 | 1 | 2;
  readonly retainAsPublished: 0 | 1;
  readonly noLocal: boolean;
  readonly identifiers: Uint8Array | null;
  readonly sessions: MqttSession[];
  list: ListId;
}

/*
  What a publish to one topic does, compiled:

    QoS 0 publish       --> all            every receiver, QoS 0, by list
    QoS 1 or 2 publish  --> zero           those granted QoS 0, by list
                        --> acknowledged   the others, one by one: each has its own packet ids
    either              --> special        receivers whose packets are made one by one
*/
export interface Plan {
  /** `context.sessionEpoch` when it was made: online sessions and their versions were these. */
  readonly epoch: number;
  /** Of the route's tenant, for other shards. */
  readonly tenantNumber: number;
  /** Of the route, as clients know it. */
  readonly topic: string;
  readonly all: readonly Group[];
  readonly zero: readonly Group[];
  readonly acknowledged: readonly Group[];
  readonly special: readonly Receiver<MqttSession>[];
  /** Shared subscriptions: one of the members each, message by message. */
  readonly shared: readonly SharedMembers[];
  /** Those whose messages are kept, if this shard has the log. */
  readonly queues: readonly QueuedGroup[];
  /** For those that choose by topic. */
  readonly topicHash: number;
  /** Receivers of this shard whom the rules keep the topic from. */
  readonly denied: number;
  /** Nobody on any shard is subscribed. */
  readonly isUnheard: boolean;
  /** A topic that clients do not publish to as to others: only the server writes it, or its messages are delayed. */
  readonly isSetApart: boolean;
  /** Subscribers of this shard who do not get what they publish themselves; null: all do. */
  readonly notOwn: ReadonlySet<MqttSession> | null;
  readonly lists: readonly ListId[];
}

/** The members of a shared subscription on this shard, each as a group of its own, in the order of `group.members`. */
export interface SharedMembers {
  readonly group: SharedGroup<MqttSession>;
  /** What this shard's logs have is given by it and not from here; null: nothing is kept. */
  readonly queue: QueuedGroup | null;
  readonly members: readonly Group[];
}

/** The plan of a route, made anew when sessions came or went. */
export function planOf(context: MqttContext, route: Route<MqttSession>): Plan {
  const plan = route.plan as Plan | null;
  if (plan !== null && plan.epoch === context.sessionEpoch) return plan;
  if (plan !== null) releasePlan(context, plan);
  const made = compilePlan(context, route);
  route.plan = made;
  return made;
}

/** Gives the target lists of a plan back. */
export function releasePlan(context: MqttContext, plan: Plan): void {
  for (const list of plan.lists) context.freeList(list);
}

function compilePlan(context: MqttContext, route: Route<MqttSession>): Plan {
  const all = new Map<string, Group>();
  const zero = new Map<string, Group>();
  const acknowledged = new Map<string, Group>();
  const special: Receiver<MqttSession>[] = [];
  let denied = 0;
  let notOwn: Set<MqttSession> | null = null;
  for (const receiver of route.receivers) {
    const session = receiver.subscriber;
    if (receiver.noLocal) {
      notOwn ??= new Set();
      notOwn.add(session);
    }
    if (session.slot >= 0 && isKeptFrom(context, session, route)) {
      denied += 1;
      continue;
    }
    if (session.isSpecial && session.slot >= 0) {
      special.push(receiver);
      continue;
    }
    if (session.slot >= 0) {
      join(all, receiver, 0);
      if (receiver.qos === 0) join(zero, receiver, 0);
    }
    if (receiver.qos > 0) join(acknowledged, receiver, receiver.qos);
  }
  const lists: ListId[] = [];
  const allGroups = [...all.values()];
  for (const group of allGroups) addList(context, group, lists);
  // Without acknowledged receivers both QoS go the same way.
  const zeroGroups = acknowledged.size === 0 ? allGroups : [...zero.values()];
  if (zeroGroups !== allGroups) for (const group of zeroGroups) addList(context, group, lists);
  return {
    epoch: context.sessionEpoch,
    topic: route.topic,
    tenantNumber: context.spaceOf(route.tenant).number,
    all: allGroups,
    zero: zeroGroups,
    acknowledged: [...acknowledged.values()],
    special,
    notOwn,
    topicHash: route.shared.length === 0 ? 0 : topicHashOf(route.topic),
    denied,
    isUnheard: route.receivers.length === 0 && route.shards.length === 0 && route.shared.length === 0,
    isSetApart: isReservedTopic(route.topic) || isDelayedTopic(route.topic),
    shared: route.shared.map((group) => ({
      group,
      queue: context.broker.queues.find(group.key),
      members: group.members.map(groupOfOne),
    })),
    queues: route.durable.flatMap((filter) => context.broker.queues.ofFilter(filter)),
    lists,
  };
}

function topicHashOf(topic: string): number {
  const bytes = Buffer.from(topic);
  return hashOfBytes(bytes, 0, bytes.length);
}

function join(groups: Map<string, Group>, receiver: Receiver<MqttSession>, qos: 0 | 1 | 2): void {
  const { version, retainAsPublished, identifiers } = classOf(receiver);
  const key = `${version} ${qos} ${retainAsPublished} ${receiver.noLocal} ${identifiers.join(',')}`;
  let group = groups.get(key);
  if (group === undefined) {
    group = { ...groupOfOne(receiver), qos };
    groups.set(key, group);
  } else {
    group.sessions.push(receiver.subscriber);
  }
}

/** A group with one receiver and what it was granted. */
export function groupOfOne(receiver: Receiver<MqttSession>): Group {
  const { version, retainAsPublished, identifiers } = classOf(receiver);
  return {
    version,
    qos: receiver.qos,
    retainAsPublished,
    noLocal: receiver.noLocal,
    identifiers: identifiers.length === 0 ? null : encodeSubscriptionIdentifiers(identifiers),
    sessions: [receiver.subscriber],
    list: NO_LIST,
  };
}

/** What MQTT 3 clients do not have, they do not differ in. */
function classOf(receiver: Receiver<MqttSession>): { version: 4 | 5; retainAsPublished: 0 | 1; identifiers: readonly number[] } {
  const version = receiver.subscriber.version;
  if (version === 4) return { version, retainAsPublished: 0, identifiers: [] };
  return { version, retainAsPublished: receiver.retainAsPublished ? 1 : 0, identifiers: receiver.identifiers };
}

function addList(context: MqttContext, group: Group, lists: ListId[]): void {
  if (group.sessions.length < LIST_FROM) return;
  const connections = Int32Array.from(group.sessions, (session) => session.slot);
  group.list = context.takeList();
  context.commands.listSet(group.list, connections, connections.length);
  lists.push(group.list);
}

/** Topics that only the server writes (MQTT 5 §4.7.2), except the state a bridge reports of itself. */
function isReservedTopic(topic: string): boolean {
  if (topic.charCodeAt(0) !== 0x24) return false;
  if (topic.startsWith('$share/') || topic === '$share' || isRoutingName(topic)) return true;
  if (topic !== '$SYS' && !topic.startsWith('$SYS/')) return false;
  return !/^\$SYS\/broker\/connection\/[^/]+\/state$/.test(topic);
}
