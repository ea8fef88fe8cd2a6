import { isRoutingName } from '../../../base/tenant-names.js';
import { APPENDED } from '../../../broker/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import { FIELD_BYTES_MAX, PROPERTY } from '../constants.js';
import type { MqttContext } from '../context.js';
import { buildPublish } from '../encode-publish.js';
import { logFrame } from '../log-publish.js';
import { planOf } from '../plan.js';
import { retainRun, routeOf, spread, takeFrame } from '../publish.js';
import { isTopicName } from '../topic-syntax.js';

/* A message that an operator publishes: no session, no rights, no rate; from there on it goes the way of all. */

export interface OperatorMessage {
  readonly tenant: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** 0: never. */
  readonly expirySeconds: number;
  /** Empty: none. */
  readonly contentType: string;
  readonly userProperties: readonly (readonly [name: string, value: string])[];
}

/** unheard: taken, but nobody is subscribed and no stream keeps it. */
export type OperatorPublished = 'published' | 'unheard' | 'no-tenant' | 'bad-topic' | 'reserved' | 'not-stored' | 'too-large';

/** Answers when it is durable, where it goes to a log, and kept, where it is to be retained. */
export function publishByOperator(context: MqttContext, message: OperatorMessage): OperatorPublished | Promise<OperatorPublished> {
  const { tenant } = message;
  const topic = Buffer.from(message.topic);
  if (!context.spaces.tenants.has(tenant)) return 'no-tenant';
  if (!isTopicName(message.topic) || isRoutingName(message.topic) || topic.length > FIELD_BYTES_MAX) return 'bad-topic';
  const frame = frameOf(message, topic);
  if (frame.length > context.limits.packetBytesMax) return 'too-large';
  const route = routeOf(context, context.spaceOf(tenant), takeFrame(context, null, topic, frame, 5));
  if (planOf(context, route).isSetApart) return 'reserved';
  return new Promise((resolve) => {
    if (!message.retain) {
      spreadFrame(context, message, topic, frame, resolve);
      return;
    }
    // Its owner has it before anybody hears of it; that is told within a turn.
    const { offset, length } = context.run;
    retainRun(context, route.routing, offset, length, message.payload.length === 0, () =>
      spreadFrame(context, message, topic, frame, resolve),
    );
  });
}

function spreadFrame(
  context: MqttContext,
  { tenant, qos }: OperatorMessage,
  topicBytes: Uint8Array,
  frame: Uint8Array,
  done: (outcome: OperatorPublished) => void,
): void {
  const space = context.spaceOf(tenant);
  const topic = takeFrame(context, null, topicBytes, frame, 5);
  const route = routeOf(context, space, topic);
  const { log } = route;
  if (log === null || (qos === 0 && !log.takesQos0)) {
    const { isUnheard } = planOf(context, route);
    spread(context, null, topic, route);
    done(isUnheard ? 'unheard' : 'published');
    return;
  }
  logFrame(context, space, topic, log, (outcome) => {
    if (outcome !== APPENDED.durable) context.counts[DROP.notStored] += 1;
    done(outcome === APPENDED.durable ? 'published' : 'not-stored');
  });
}

function frameOf({ qos, retain, payload, expirySeconds, contentType, userProperties }: OperatorMessage, topic: Uint8Array): Uint8Array {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
  };
  const expiry = Buffer.alloc(5);
  expiry.writeUInt8(PROPERTY.messageExpiryInterval, 0);
  expiry.writeUInt32BE(expirySeconds, 1);
  const properties = Buffer.concat([
    ...(expirySeconds === 0 ? [] : [expiry]),
    ...(contentType === '' ? [] : [Uint8Array.of(PROPERTY.contentType), text(contentType)]),
    ...userProperties.flatMap(([name, value]) => [Uint8Array.of(PROPERTY.userProperty), text(name), text(value)]),
  ]);
  return buildPublish({ version: 5, topic, qos, isRetained: retain, isDuplicate: false, packetId: qos === 0 ? 0 : 1, properties, payload });
}
