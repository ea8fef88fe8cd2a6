import { COUNT } from '../../telemetry/metrics/slots.js';
import {
  EVENT,
  ROW_CONNECTION,
  ROW_COUNT,
  ROW_EXTRA,
  ROW_INTS,
  ROW_KIND,
  ROW_LENGTH,
  ROW_NUMBER,
  ROW_OFFSET,
  SPACE_ARENA,
} from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import { PACKET } from './constants.js';
import type { MqttContext } from './context.js';
import { refusesFlags } from './offer.js';
import { onAcks } from './on-ack.js';
import { onPublishWithProperties, publishRun } from './on-publish.js';
import { onClosed, onCongested, onEarly, onFault, onFrame, onPing, onRelieved } from './on-row.js';
import { breachReceiveMaximum } from './receive-maximum.js';

/*
  The way of a batch. What is common is handled here with integers alone: a run of QoS 0 or 1 publishes costs one look-up of its
  route, one block and one command per group of receivers, one command for its acknowledgements. Everything else goes to the verb
  that owns it.
*/

/** Rows `from` to `to - 1` of the transport, all of MQTT connections. `connected` is not among them: the broker opens no connections. */
export function onRows(context: MqttContext, from: number, to: number): void {
  const rows = context.transport.rows;
  const connections = context.connections;
  for (let row = from; row < to; row += 1) {
    const at = row * ROW_INTS;
    const connection = connections[rows[at + ROW_CONNECTION]];
    if (connection === null || connection === undefined) continue;
    if (context.tracing !== null) context.tracing.onRow(at);
    switch (rows[at + ROW_KIND]) {
      case EVENT.publish:
        if (connection.phase === 'connected') onPublishRun(context, connection, at);
        else onEarly(context, connection);
        break;
      case EVENT.acks:
        context.counts[COUNT.packetsReceived + (rows[at + ROW_EXTRA] >> 4)] += rows[at + ROW_COUNT];
        if (connection.phase === 'connected')
          onAcks(context, connection, rows[at + ROW_EXTRA], rows[at + ROW_NUMBER], rows[at + ROW_COUNT]);
        else onEarly(context, connection);
        break;
      case EVENT.publishProperties:
        if (connection.phase === 'connected')
          onPublishWithProperties(context, connection, rows[at + ROW_OFFSET], rows[at + ROW_LENGTH], rows[at + ROW_NUMBER]);
        else onEarly(context, connection);
        break;
      case EVENT.ping:
        context.counts[COUNT.packetsReceived + PACKET.pingreq] += 1;
        onPing(context, connection);
        break;
      case EVENT.frame:
        context.counts[COUNT.packetsReceived + ((rows[at + ROW_EXTRA] >> 4) & 15)] += 1;
        onFrame(context, connection, rows[at + ROW_OFFSET], rows[at + ROW_LENGTH]);
        break;
      case EVENT.congested:
        onCongested(connection);
        break;
      case EVENT.relieved:
        onRelieved(context, connection);
        break;
      case EVENT.fault:
        onFault(context, connection, rows[at + ROW_NUMBER]);
        break;
      case EVENT.closed:
        onClosed(context, connection, rows[at + ROW_NUMBER]);
        break;
    }
  }
}

function onPublishRun(context: MqttContext, connection: MqttConnection, at: number): void {
  const rows = context.transport.rows;
  const offset = rows[at + ROW_OFFSET];
  const length = rows[at + ROW_LENGTH];
  const count = rows[at + ROW_COUNT];
  const topic = rows[at + ROW_NUMBER];
  const flags = rows[at + ROW_EXTRA] & 0x0f;
  const version = connection.version === 5 ? 5 : 4;
  const counts = context.counts;
  counts[COUNT.messagesReceived + ((flags >> 1) & 3)] += count;
  counts[COUNT.packetsReceived + PACKET.publish] += count;
  if (context.publishRefusals[flags] !== 0 && refusesFlags(context, connection, flags)) return;
  if (flags >= 2 && version === 5 && breachReceiveMaximum(context, connection, count)) return;
  const run = context.run;
  run.set(SPACE_ARENA, context.transport.arena, offset, length, count, version);
  run.connection = connection.id;
  run.session = connection.session;
  publishRun(context, connection, topic, false);
}
