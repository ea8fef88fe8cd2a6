import { ALARM_LIST } from '../../admin/questions/alarms.js';
import { USER_PUT } from '../../admin/questions/mqtt-access.js';
import { ACCESS_TEST } from '../../admin/questions/mqtt-access-test.js';
import { CLIENT_DISCONNECT, CLIENT_LIST, CLIENT_SHOW } from '../../admin/questions/mqtt-clients.js';
import { DELAYED_CANCEL, DELAYED_CLEAR, DELAYED_LIST } from '../../admin/questions/mqtt-delayed.js';
import { EXPLAIN } from '../../admin/questions/mqtt-explain.js';
import { PUBLISH } from '../../admin/questions/mqtt-messages.js';
import { type Payload, RETAINED_CLEAR, RETAINED_DELETE, RETAINED_LIST, RETAINED_SHOW } from '../../admin/questions/mqtt-retained.js';
import { SESSION_DELETE, SESSION_SHOW, SESSIONS } from '../../admin/questions/mqtt-sessions.js';
import { SHARED_GROUPS } from '../../admin/questions/mqtt-shared.js';
import { SLOW_LIST } from '../../admin/questions/mqtt-slow.js';
import { SUBSCRIPTION_ADD, SUBSCRIPTION_LIST, SUBSCRIPTION_REMOVE } from '../../admin/questions/mqtt-subscriptions.js';
import { TRACE_DELETE, TRACE_LIST, TRACE_READ, TRACE_START, TRACE_STOP } from '../../admin/questions/mqtt-traces.js';
import type { Done, Question } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import {
  AccessAction,
  AccessVerdict,
  ExplainVerdict,
  MqttService,
  PutWhen,
  TraceKind,
} from '../../metadata/grpc/generated/robustmq/v1/mqtt.js';
import type { MqttMethod } from '../../metadata/grpc/ports.js';
import { filled, given, numberOf, tailOf, wordOf } from './conversion.js';

/* Each method of robustmq.v1.Mqtt is a question. On main, and loaded with the first call. */

/** Puts a question, which is not checked yet, to this node. */
export type AskNode = (question: string, ask: object) => Promise<object>;

export interface MqttVerb {
  readonly question: string;
  /** What is asked by a request. @throws BrokerError RMQ-1036 if it cannot be read. */
  askOf(request: Uint8Array): object;
  /** @throws BrokerError. */
  answer(node: AskNode, request: Uint8Array): Promise<Uint8Array>;
}

function verb<Q extends object, W, A extends object, R extends object>(
  method: { requestDeserialize(bytes: Buffer): Q; responseSerialize(answer: W): Buffer },
  { name: question }: Question<A, R>,
  toWire: (answer: R) => W,
  toAsk: (request: Q) => object = given,
): MqttVerb {
  const askOf = (request: Uint8Array): object => toAsk(read(method.requestDeserialize, request));
  return {
    question,
    askOf,
    // The node answers a question with what the question says.
    answer: async (node, request) => method.responseSerialize(toWire((await node(question, askOf(request))) as R)),
  };
}

function read<Q>(parse: (bytes: Buffer) => Q, bytes: Uint8Array): Q {
  try {
    return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new BrokerError('RMQ-1036', `(the request is not well-formed: ${error instanceof Error ? error.message : ''})`, { cause: error });
  }
}

const done = ({ text }: Done): Done => ({ text });

function bytesOf(payload: Payload): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload.base64, 'base64');
}

const { listClients, getClient, disconnectClient, listSessions, getSession, deleteSession, ...others } = MqttService;

export const VERBS: Readonly<Record<MqttMethod, MqttVerb>> = {
  listClients: verb(listClients, CLIENT_LIST, (page) => ({ clients: page.items.map(filled), ...tailOf(page) })),
  getClient: verb(getClient, CLIENT_SHOW, ({ client }) => ({ client: filled(client) })),
  disconnectClient: verb(disconnectClient, CLIENT_DISCONNECT, done),
  listSessions: verb(listSessions, SESSIONS, (page) => ({ sessions: page.items.map(filled), ...tailOf(page) })),
  getSession: verb(getSession, SESSION_SHOW, ({ session, silent }) => ({
    session: filled(session),
    queuedBytes: session.queuedBytes,
    filters: session.filters.map(({ filter, options: { qos } }) => ({ filter, qos })),
    cursors: session.cursors,
    will: session.will ?? undefined,
    counters: session.counters,
    silentShards: silent,
  })),
  deleteSession: verb(deleteSession, SESSION_DELETE, ({ clientId }) => ({ clientId })),
  listSubscriptions: verb(others.listSubscriptions, SUBSCRIPTION_LIST, (page) => ({ subscriptions: page.items, ...tailOf(page) })),
  addSubscription: verb(others.addSubscription, SUBSCRIPTION_ADD, done),
  removeSubscription: verb(others.removeSubscription, SUBSCRIPTION_REMOVE, done),
  listSharedGroups: verb(others.listSharedGroups, SHARED_GROUPS, (page) => ({ groups: page.items, ...tailOf(page) })),
  publish: verb(others.publish, PUBLISH, done, ({ payload, userProperties, ...request }) => ({
    ...given(request),
    payload: { base64: payload.toString('base64') },
    userProperties: userProperties.map(({ name, value }) => [name, value]),
  })),
  listRetained: verb(others.listRetained, RETAINED_LIST, (page) => ({ messages: page.items.map(filled), ...tailOf(page) })),
  getRetained: verb(others.getRetained, RETAINED_SHOW, ({ message: { payload, ...row } }) => ({
    message: filled(row),
    payload: bytesOf(payload),
  })),
  deleteRetained: verb(others.deleteRetained, RETAINED_DELETE, done),
  clearRetained: verb(others.clearRetained, RETAINED_CLEAR, ({ deleted, silent }) => ({ deleted, silentShards: silent })),
  listDelayed: verb(others.listDelayed, DELAYED_LIST, (page) => ({ messages: page.items, ...tailOf(page) })),
  cancelDelayed: verb(others.cancelDelayed, DELAYED_CANCEL, done),
  clearDelayed: verb(others.clearDelayed, DELAYED_CLEAR, ({ cancelled, silent }) => ({ cancelled, silentShards: silent })),
  putUser: verb(others.putUser, USER_PUT, done, ({ when, ...request }) => ({ ...given(request), when: wordOf(PutWhen, when) })),
  testAccess: verb(
    others.testAccess,
    ACCESS_TEST,
    ({ verdict, ...answer }) => ({ ...answer, verdict: numberOf(AccessVerdict, verdict) }),
    ({ action, ...request }) => ({ ...given(request), action: wordOf(AccessAction, action) }),
  ),
  explain: verb(others.explain, EXPLAIN, ({ verdict, sentences, shard, session, isRetained, events, silent }) => ({
    verdict: numberOf(ExplainVerdict, verdict),
    sentences,
    shard: shard ?? undefined,
    sessionJson: session === null ? '' : JSON.stringify(session),
    isRetained,
    events,
    silentShards: silent,
  })),
  listSlowSubscriptions: verb(others.listSlowSubscriptions, SLOW_LIST, ({ isMeasured, items, silent }) => ({
    isMeasured,
    subscriptions: items,
    silentShards: silent,
  })),
  listAlarms: verb(others.listAlarms, ALARM_LIST, (page) => ({ alarms: page.items.map(filled), ...tailOf(page) })),
  startTrace: verb(others.startTrace, TRACE_START, done, ({ kind, ...request }) => ({ ...given(request), kind: wordOf(TraceKind, kind) })),
  listTraces: verb(others.listTraces, TRACE_LIST, (page) => ({ traces: page.items.map(filled), ...tailOf(page) })),
  readTrace: verb(others.readTrace, TRACE_READ, ({ base64, next }) => ({
    content: Buffer.from(base64, 'base64'),
    nextOffset: next ?? undefined,
  })),
  stopTrace: verb(others.stopTrace, TRACE_STOP, done),
  deleteTrace: verb(others.deleteTrace, TRACE_DELETE, done),
};
