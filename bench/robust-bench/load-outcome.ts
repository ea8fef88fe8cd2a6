import type { LatencySummary } from './latency-cells.js';
import type { LoadPlan } from './load-plan.js';

/** What one run of a load measured. Rates are per second of the measured window; times are microseconds. */
export interface LoadOutcome {
  readonly connected: number;
  readonly connectFailed: number;
  /** Connections that the broker ended during the load. */
  readonly dropped: number;
  /** From the first connect to the last acceptance. */
  readonly connectSeconds: number;
  readonly connectsPerSecond: number;
  readonly sentPerSecond: number;
  readonly ackedPerSecond: number;
  readonly receivedPerSecond: number;
  readonly receivedMibPerSecond: number;
  /** Over the whole load, warm-up and drain included. */
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  readonly unsent: number;
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly foreign: number;
  /** Subscriptions granted with a lower QoS than asked for. */
  readonly downgraded: number;
  readonly connect: LatencySummary;
  readonly deliver: LatencySummary;
  readonly acknowledge: LatencySummary;
  readonly lag: LatencySummary;
  /** CPU seconds of this program per second: close to the number of its threads means that it is the bottleneck. */
  readonly generatorCores: number;
  /** Null without --pid. */
  readonly broker: BrokerUse | null;
}

export interface BrokerUse {
  /** CPU seconds per second of the window. */
  readonly cores: number;
  /** CPU microseconds per message delivered; per message sent if nobody subscribes; 0 if there were none. */
  readonly cpuUsPerMessage: number;
  readonly residentMib: number;
  /** Growth while the clients connected, per client. */
  readonly kibPerConnection: number;
}

/** What was not as it has to be; empty if the run is sound. QoS 0 may lose messages (MQTT 5 §4.3.1). */
export function faultsOf(outcome: LoadOutcome, plan: LoadPlan): string[] {
  const { qos } = plan;
  const faults: string[] = [];
  if (plan.publishers > 0 && outcome.sent === 0) faults.push('no message was sent');
  else if (outcome.expected > 0 && outcome.received === 0) faults.push('no message arrived');
  const note = (count: number, words: string): void => {
    if (count > 0) faults.push(`${count} ${words}`);
  };
  note(outcome.connectFailed, 'connections failed');
  note(outcome.dropped, 'connections were ended by the broker');
  note(outcome.reordered, 'messages came out of order');
  note(outcome.downgraded, 'subscriptions were granted a lower QoS');
  if (qos === 0) return faults;
  note(outcome.lost, 'messages were lost');
  note(outcome.sent - outcome.acked, 'messages were not acknowledged');
  note(outcome.refused, 'messages were refused');
  // At least once allows a second copy, but nothing in these scenarios (no reconnect, no retry) is a reason for one.
  note(outcome.duplicates, 'messages came twice');
  return faults;
}
