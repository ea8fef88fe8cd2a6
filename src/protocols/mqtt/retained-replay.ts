import { plainName } from '../../base/tenant-names.js';
import type { RetainedPlace, StoredMessage, SubscribeRequest, SubscribeResult } from '../../broker/ports.js';
import type { MqttContext } from './context.js';
import { drainQueue } from './drain.js';
import { enqueue } from './enqueue.js';
import { encodeSubscriptionIdentifiers } from './properties.js';
import { fixedHeaderLength } from './publish-frame.js';
import { mayReceive } from './rights.js';
import { describeRun } from './run-view.js';
import type { MqttSession } from './session.js';
import { offerCurrentValues } from './sys/current-values.js';

/*
  Retained messages of a new subscription, with RETAIN set and its identifier (MQTT-3.3.1-8). The first page comes with the answers to SUBSCRIBE; the
  others are asked for when little waits in the session's queue, one at a time. So a client gets them as fast as it takes them, and all of them.
*/

/** The next page is asked for when fewer messages than this wait. */
const QUEUE_LOW = 256;

/** What is still to be asked for, of one subscription. */
export interface RetainedReplay {
  readonly request: SubscribeRequest;
  readonly places: RetainedPlace[];
}

export function replayRetained(context: MqttContext, session: MqttSession, request: SubscribeRequest, result: SubscribeResult): void {
  if (!context.limits.offer.isRetainAvailable) return;
  if (result.more.length > 0) {
    session.retainedReplays ??= [];
    session.retainedReplays.push({ request, places: [...result.more] });
  }
  const isOfServer = request.filter.startsWith('$SYS/') && offerCurrentValues(context, session, request, result.isNew);
  if (!isOfServer && result.retained.length === 0 && session.retainedReplays === null) return;
  enqueueRetained(context, session, request, result.retained);
  drainQueue(context, session);
}

/** Asks for the next page, if it is time. Called when the queue got shorter. */
export function goOnWithRetained(context: MqttContext, session: MqttSession): void {
  if (session.retainedReplays === null || session.isAskingRetained || session.slot < 0 || session.isCongested) return;
  if (session.queue !== null && session.queue.length >= QUEUE_LOW) return;
  session.isAskingRetained = true;
  context.later(() => askNext(context, session));
}

/** The filter was unsubscribed. */
export function dropRetainedReplay(session: MqttSession, filter: string): void {
  if (session.retainedReplays === null) return;
  const left = session.retainedReplays.filter(({ request }) => request.filter !== filter);
  session.retainedReplays = left.length === 0 ? null : left;
}

function askNext(context: MqttContext, session: MqttSession): void {
  session.isAskingRetained = false;
  const replays = session.retainedReplays;
  if (replays === null || session.hasEnded || session.slot < 0 || session.isCongested) return; // When it is back, or relieved, it goes on.
  const replay = replays[0];
  const place = replay.places.shift();
  if (replay.places.length === 0) replays.shift();
  if (replays.length === 0) session.retainedReplays = null;
  if (place === undefined) return;
  session.isAskingRetained = true;
  context.broker.nextRetained(replay.request.filter, place, (messages, next) => {
    session.isAskingRetained = false;
    if (session.hasEnded) return;
    if (next !== null) putBack(session, replay, next);
    enqueueRetained(context, session, replay.request, messages);
    drainQueue(context, session);
  });
}

function putBack(session: MqttSession, replay: RetainedReplay, next: RetainedPlace): void {
  replay.places.push(next);
  session.retainedReplays ??= [];
  if (!session.retainedReplays.includes(replay)) session.retainedReplays.push(replay);
}

/** Plain ones of one QoS go as one run: a page is one copy and one block, not hundreds. */
function enqueueRetained(context: MqttContext, session: MqttSession, request: SubscribeRequest, messages: readonly StoredMessage[]): void {
  let line: StoredMessage[] = [];
  for (const message of messages) {
    if (!mayReceive(context, session, plainName(message.topic))) continue;
    if (!isPlain(message)) enqueueRun(context, session, request, [message]);
    else {
      if (line.length > 0 && (line[0].frame[0] !== message.frame[0] || line[0].version !== message.version)) {
        enqueueRun(context, session, request, line);
        line = [];
      }
      line.push(message);
    }
  }
  if (line.length > 0) enqueueRun(context, session, request, line);
}

function enqueueRun(context: MqttContext, session: MqttSession, request: SubscribeRequest, messages: readonly StoredMessage[]): void {
  const { qos, identifier } = request.options;
  const [{ frame, version, receivedAtMs }] = messages;
  const bytes = messages.length === 1 ? frame : Buffer.concat(messages.map((message) => message.frame));
  const run = describeRun(bytes, messages.length, version, receivedAtMs);
  const sentQos = Math.min(qos, (frame[0] >> 1) & 3) as 0 | 1 | 2;
  const identifiers = identifier === 0 ? null : encodeSubscriptionIdentifiers([identifier]);
  enqueue(context, session, { run, qos: sentQos, retain: 1, identifiers, log: null });
}

/** It has no properties, and so nothing that is its own but topic and payload. */
function isPlain({ frame, version }: StoredMessage): boolean {
  if (version === 4) return true;
  const body = fixedHeaderLength(frame, 0);
  const behindTopic = body + 2 + ((frame[body] << 8) | frame[body + 1]);
  return frame[behindTopic + (((frame[0] >> 1) & 3) > 0 ? 2 : 0)] === 0;
}
