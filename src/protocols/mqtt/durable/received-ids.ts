import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { GroupLog } from '../../../journal/ports.js';
import { FIRST_BYTE } from '../constants.js';
import type { MqttContext } from '../context.js';
import type { MqttSession } from '../session.js';
import type { DurableSession } from './durable-session.js';
import { whenDurable } from './turn.js';

/*
  QoS 2 publishes of sessions that outlive their connection (MQTT 5 §4.3.3): the owner of the log knows what it has.

    table `received` of the record's group: "<session>.<packet id>" -> nothing. Written in the commit of the record; gone before PUBCOMP.
*/
const RECEIVED_TABLE = 'received';
const NOTHING: Uint8Array = new Uint8Array(0);

/** @returns false if the record is in the log already. Either way the row is part of the open commit: what waits for it waits for the record. */
export function receive(log: GroupLog, session: number, packetId: number): boolean {
  const table = log.table(RECEIVED_TABLE);
  const key = `${session}.${packetId}`;
  const isNew = table.get(key) === undefined;
  table.put(key, NOTHING);
  return isNew;
}

/** The record was lost with its commit: it is new when it comes again. */
export function forgetReceived(log: GroupLog, session: number, packetId: number): void {
  log.table(RECEIVED_TABLE).delete(`${session}.${packetId}`);
}

/** PUBREL of a client. `done` when its packet id is free for good. */
export function releaseReceived(context: MqttContext, durable: DurableSession, packetId: number, done: () => void): void {
  const owner = durable.receivedGroups.get(packetId);
  durable.receivedGroups.delete(packetId);
  const owners = owner === undefined ? context.shards : [owner];
  let open = owners.length;
  for (const to of owners) {
    const ticket = context.takeTicket();
    const question = { kind: 'release-received', ticket, session: durable.uid, packetIds: [packetId] } as const;
    context.releases.set(ticket, {
      owner: to,
      question,
      done: () => {
        open -= 1;
        if (open === 0) done();
      },
    });
    context.broker.sendQueueMessage(to, question);
  }
}

export function onReleaseReceived(
  context: MqttContext,
  from: ShardId,
  { ticket, session, packetIds }: Extract<QueueMessage, { kind: 'release-received' }>,
): void {
  let isThere = false;
  for (const group of context.journal.groups)
    for (const packetId of packetIds) {
      const table = group.table(RECEIVED_TABLE);
      const key = `${session}.${packetId}`;
      if (table.get(key) === undefined) continue;
      table.delete(key);
      isThere = true;
    }
  const answer = (): void => context.broker.sendQueueMessage(from, { kind: 'received-released', ticket });
  if (isThere) whenDurable(context, answer);
  else answer();
}

export function onReceivedReleased(context: MqttContext, ticket: number): void {
  const release = context.releases.get(ticket);
  context.releases.delete(ticket);
  release?.done();
}

/** The session has ended, and with it what it owed. */
export function onForgetSession(context: MqttContext, session: number): void {
  const prefix = `${session}.`;
  for (const group of context.journal.groups) {
    const table = group.table(RECEIVED_TABLE);
    if (table.size === 0) continue;
    for (const [key] of [...table.entries()]) if (key.startsWith(prefix)) table.delete(key);
  }
}

/** PUBREL of a session that outlives its connection: PUBCOMP when the owner of the log has forgotten the packet id. */
export function onDurablePubrel(context: MqttContext, session: MqttSession, durable: DurableSession, packetId: number): void {
  releaseReceived(context, durable, packetId, () => {
    session.received?.remove(packetId);
    if (session.slot >= 0) context.commands.ack(session.slot, FIRST_BYTE.pubcomp, packetId);
  });
}
