import { DROP, DROP_REASONS } from '../../telemetry/metrics/drops.js';
import { COUNT, keysOf, PACKET_TYPES, QOS_LEVELS } from '../../telemetry/metrics/slots.js';
import { COUNTER } from '../../transport/ports.js';

/*
  What the node says of itself under `$SYS`, twice, because people know two sets of names:

    $SYS/brokers/<node>/...   as EMQX has it
    $SYS/broker/...           as Mosquitto has it

  Everything is counted by the shards; here it is only added up and named.
*/

/** Of all shards together. */
export interface NodeFigures {
  readonly node: string;
  readonly version: string;
  readonly uptimeMs: number;
  readonly nowMs: number;
  readonly connections: number;
  /** By COUNT. */
  readonly counts: Float64Array;
  /** By COUNTER. */
  readonly transport: Float64Array;
}

/** The highest that was seen, by name. */
export type Peaks = ReadonlyMap<StatName, number>;

export type StatName = 'connections' | 'sessions' | 'subscriptions' | 'retained';

/** MQTT 5.0 §2.1.2, what clients send. */
const PACKETS = {
  ...{ connect: 1, 'publish/received': 3, 'puback/received': 4, 'pubrec/received': 5, 'pubrel/received': 6, 'pubcomp/received': 7 },
  ...{ subscribe: 8, unsubscribe: 10, pingreq: 12, 'disconnect/received': 14, 'auth/received': 15 },
} as const;

export function statsOf({ connections, counts }: NodeFigures): Readonly<Record<StatName, number>> {
  return {
    connections,
    sessions: counts[COUNT.sessions],
    subscriptions: counts[COUNT.subscriptions],
    retained: counts[COUNT.retained],
  };
}

/** Topics and texts. */
export function systemValues(figures: NodeFigures, peaks: Peaks): readonly { readonly topic: string; readonly text: string }[] {
  const { node, version, uptimeMs, nowMs, counts, transport } = figures;
  const values: { topic: string; text: string }[] = [];
  const say = (topic: string, value: number | string): void => {
    values.push({ topic, text: String(value) });
  };
  const stats = statsOf(figures);
  const uptimeSeconds = Math.floor(uptimeMs / 1000);
  const received = sumOf(counts, COUNT.messagesReceived, QOS_LEVELS);
  const sent = sumOf(counts, COUNT.messagesSent, QOS_LEVELS);
  const dropped = keysOf(DROP).reduce((sum, name) => sum + counts[DROP[name]], transport[COUNTER.droppedQos0]);

  const root = `$SYS/brokers/${node}`;
  say('$SYS/brokers', node);
  say(`${root}/version`, version);
  say(`${root}/uptime`, uptimeSeconds);
  say(`${root}/datetime`, new Date(nowMs).toISOString());
  say(`${root}/sysdescr`, 'RobustMQ');
  for (const name of keysOf(stats)) {
    say(`${root}/stats/${name}/count`, stats[name]);
    say(`${root}/stats/${name}/max`, Math.max(stats[name], peaks.get(name) ?? 0));
  }
  say(`${root}/metrics/bytes/received`, transport[COUNTER.bytesIn]);
  say(`${root}/metrics/bytes/sent`, transport[COUNTER.bytesOut]);
  say(`${root}/metrics/messages/received`, received);
  say(`${root}/metrics/messages/sent`, sent);
  for (let qos = 0; qos < QOS_LEVELS; qos += 1) {
    say(`${root}/metrics/messages/qos${qos}/received`, counts[COUNT.messagesReceived + qos]);
    say(`${root}/metrics/messages/qos${qos}/sent`, counts[COUNT.messagesSent + qos]);
  }
  say(`${root}/metrics/messages/retained`, stats.retained);
  say(`${root}/metrics/messages/delayed`, counts[COUNT.delayedTaken]);
  say(`${root}/metrics/messages/dropped`, dropped);
  for (const name of keysOf(DROP)) {
    const own = name === 'congested' ? transport[COUNTER.droppedQos0] : 0;
    say(`${root}/metrics/messages/dropped/${DROP_REASONS[name].reason}`, counts[DROP[name]] + own);
  }
  say(`${root}/metrics/packets/received`, sumOf(counts, COUNT.packetsReceived, PACKET_TYPES));
  say(`${root}/metrics/packets/sent`, transport[COUNTER.framesOut]);
  for (const name of keysOf(PACKETS)) say(`${root}/metrics/packets/${name}`, counts[COUNT.packetsReceived + PACKETS[name]]);

  say('$SYS/broker/version', `RobustMQ version ${version}`);
  say('$SYS/broker/timestamp', new Date(nowMs - uptimeMs).toISOString());
  say('$SYS/broker/uptime', `${uptimeSeconds} seconds`);
  say('$SYS/broker/clients/connected', stats.connections);
  say('$SYS/broker/clients/disconnected', Math.max(0, stats.sessions - stats.connections));
  say('$SYS/broker/clients/total', Math.max(stats.sessions, stats.connections));
  say('$SYS/broker/clients/maximum', Math.max(stats.connections, peaks.get('connections') ?? 0));
  say('$SYS/broker/bytes/received', transport[COUNTER.bytesIn]);
  say('$SYS/broker/bytes/sent', transport[COUNTER.bytesOut]);
  say('$SYS/broker/messages/received', transport[COUNTER.framesIn]);
  say('$SYS/broker/messages/sent', transport[COUNTER.framesOut]);
  say('$SYS/broker/publish/messages/received', received);
  say('$SYS/broker/publish/messages/sent', sent);
  say('$SYS/broker/publish/messages/dropped', dropped);
  say('$SYS/broker/subscriptions/count', stats.subscriptions);
  say('$SYS/broker/retained messages/count', stats.retained);
  return values;
}

function sumOf(counts: Float64Array, first: number, length: number): number {
  let sum = 0;
  for (let i = first; i < first + length; i += 1) sum += counts[i];
  return sum;
}
