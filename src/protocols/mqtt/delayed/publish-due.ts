import type { DueMessages } from '../../../broker/delayed/ports.js';
import { APPENDED, type LogTarget, type Route } from '../../../broker/ports.js';
import { StoreError } from '../../../storage/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import { COUNT } from '../../../telemetry/metrics/slots.js';
import type { TopicId } from '../../../transport/ports.js';
import type { MqttContext } from '../context.js';
import { whenDurable } from '../durable/turn.js';
import { logFrame } from '../log-publish.js';
import { retainRun, routeOf, spread, takeFrame } from '../publish.js';
import { messageOf } from '../record.js';
import type { MqttSession } from '../session.js';
import type { TenantSpace } from '../tenant-space.js';

/*
  What is due is published as if it came now, group by group, one batch after another:

    retain     those with RETAIN are stored with the owners of their topics first: again and again is the same as once
    moved      those whose topic goes to another group by now are appended there, and are durable before it goes on: these may come twice, if the
               process ends before the next commit
    commit     all others are appended, and in the same commit it is noted that the batch was published: once, whatever happens
    after it   what goes to no log (QoS 0) is delivered: at most once
*/

const MESSAGES_MAX = 256;
const BYTES_MAX = 1024 * 1024;
/** Reading may take that long, and goes on in the next turn. */
const READ_MS_MAX = 10;

interface DueMessage {
  readonly space: TenantSpace;
  readonly topic: Uint8Array;
  readonly frame: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly isRetained: boolean;
  readonly isEmpty: boolean;
}

/** On every tick. */
export function publishDue(context: MqttContext): void {
  if (!context.knowsAllFilters) return; // Who waits for the messages may not be known yet.
  for (const group of context.delayed.groups()) publishDueOf(context, group);
}

function publishDueOf(context: MqttContext, group: DueMessages): void {
  if (context.journal.state !== 'writable' || !group.hasDue(context.nowMs)) return;
  const due = takeDue(context, group);
  if (!group.isUnderWay) return;
  let open = 1;
  const settle = (): void => {
    open -= 1;
    if (open === 0) publishMoved(context, group, due);
  };
  for (const message of due) {
    if (!message.isRetained) continue;
    open += 1;
    const { routing } = routeOf(context, message.space, setRun(context, message));
    const { offset, length } = context.run;
    retainRun(context, routing, offset, length, message.isEmpty, settle);
  }
  settle();
}

function takeDue(context: MqttContext, group: DueMessages): DueMessage[] {
  const { counts, nowMs } = context;
  const startedMs = context.clock.monotonicMs();
  const due: DueMessage[] = [];
  let bytes = 0;
  try {
    group.take(nowMs, (dueMs, batch) => {
      const message = batch === null ? null : messageOf(batch, nowMs);
      if (batch === null || message === null)
        context.log.error('delayed.lost', 'a delayed message could not be read and is passed over', { group: group.id, dueMs });
      else if (message.expiresAtMs > 0 && message.expiresAtMs <= nowMs) counts[DROP.expired] += 1;
      else {
        const { topic, frame, qos, retain, tenant } = message;
        due.push({
          space: context.spaceOf(tenant),
          topic: topic.slice(),
          frame,
          qos,
          isRetained: retain === 1,
          isEmpty: batch.valueLength === 0,
        });
        bytes += frame.length;
      }
      return due.length < MESSAGES_MAX && bytes < BYTES_MAX && context.clock.monotonicMs() - startedMs < READ_MS_MAX;
    });
  } catch (error) {
    if (!(error instanceof StoreError && error.fault === 'busy')) throw error; // What was taken goes its way; the rest is read later.
  }
  return due;
}

function setRun(context: MqttContext, { topic, frame }: DueMessage): TopicId {
  return takeFrame(context, null, topic, frame, 5);
}

function isLogged({ qos }: DueMessage, { log }: Route<MqttSession>): boolean {
  return log !== null && (qos > 0 || log.takesQos0);
}

function publishMoved(context: MqttContext, group: DueMessages, due: readonly DueMessage[]): void {
  let open = 1;
  let isLost = false;
  const here: DueMessage[] = [];
  const settle = (): void => {
    open -= 1;
    if (open > 0) return;
    if (isLost) group.giveBack();
    else publishHere(context, group, here);
  };
  for (const message of due) {
    const topic = setRun(context, message);
    const route = routeOf(context, message.space, topic);
    if (!isLogged(message, route) || isOf(context, group, route.log)) {
      here.push(message);
      continue;
    }
    open += 1;
    logFrame(context, message.space, topic, route.log as LogTarget, (outcome) => {
      if (outcome !== APPENDED.durable) isLost = true;
      settle();
    });
  }
  settle();
}

function isOf(context: MqttContext, group: DueMessages, log: LogTarget | null): boolean {
  return log !== null && log.owner === context.broker.shard && context.delayed.groupOf(log) === group.id;
}

function publishHere(context: MqttContext, group: DueMessages, due: readonly DueMessage[]): void {
  if (context.journal.state !== 'writable') {
    group.giveBack();
    return;
  }
  const unlogged: DueMessage[] = [];
  for (const message of due) {
    const topic = setRun(context, message);
    const { log } = routeOf(context, message.space, topic);
    if (log !== null && (message.qos > 0 || log.takesQos0)) logFrame(context, message.space, topic, log, () => {});
    else unlogged.push(message);
  }
  group.pass();
  whenDurable(
    context,
    () => {
      group.settle();
      context.counts[COUNT.delayedPublished] += due.length;
      for (const message of unlogged) {
        const topic = setRun(context, message);
        spread(context, null, topic, routeOf(context, message.space, topic));
      }
      publishDueOf(context, group);
    },
    () => group.giveBack(),
  );
}
