import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttConnection } from '../connection.js';
import { REASON } from '../constants.js';
import type { MqttContext } from '../context.js';
import type { RunView } from '../run-view.js';
import { pauseByMeter } from '../throttle.js';
import type { ConnectionMeter } from './meter.js';

/*
  Rates. What a client sends beyond its own is

    pause        taken, and the client is not read until it is due: TCP slows it down, nothing is lost; the default
    reject       refused: QoS 0 is dropped and counted, QoS 1 and 2 are answered 0x97 (MQTT 3: as if they were taken)
    disconnect   the end of the connection, 0x96

  What goes to a client beyond its rate: QoS 0 is dropped and counted, QoS 1 and 2 wait in its queue.
*/

/** @returns false if the run must not go on. */
export function mayFlow(context: MqttContext, connection: MqttConnection, meter: ConnectionMeter, run: RunView): boolean {
  const waitMs = meter.takeInput(run.count, run.length, context.nowMs);
  if (waitMs === 0) return true;
  switch (context.quotas.onExcess) {
    case 'pause':
      pauseByMeter(context, connection, waitMs);
      return true;
    case 'reject':
      meter.takeInput(-run.count, -run.length, context.nowMs);
      context.counts[DROP.rateLimited] += run.count;
      return false;
    case 'disconnect':
      context.endConnection(connection, REASON.messageRateTooHigh, 'messages come faster than they may');
      return false;
  }
}
