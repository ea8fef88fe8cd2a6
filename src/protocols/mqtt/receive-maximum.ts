import { endConnection } from './close.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';

/**
 * Counts QoS 1 and 2 publishes that a client has sent and can not have seen acknowledged: those of this turn, and QoS 2 in progress.
 * More than our Receive Maximum ends the connection (MQTT 5 §3.3.4, 0x93).
 * @returns true if it did.
 */
export function breachReceiveMaximum(context: MqttContext, connection: MqttConnection, count: number): boolean {
  if (connection.turn !== context.turn) {
    connection.turn = context.turn;
    connection.turnPublishes = 0;
  }
  connection.turnPublishes += count;
  const received = connection.session?.received ?? null;
  const unacknowledged = connection.turnPublishes + (received === null ? 0 : received.count);
  if (unacknowledged <= context.limits.receiveMax) return false;
  endConnection(context, connection, REASON.receiveMaximumExceeded, 'more unacknowledged publishes than the Receive Maximum allows');
  return true;
}
