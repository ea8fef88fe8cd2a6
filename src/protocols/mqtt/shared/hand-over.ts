import type { MqttSession } from '../session.js';

/** Rows that name these packet ids are durable: their messages are the session's, and the client is sent them. */
export function handOverHeld(session: MqttSession, packetIds: readonly number[]): void {
  const { shares, outbound } = session;
  if (shares === null || outbound === null) return;
  for (const packetId of packetIds) {
    const given = outbound.handOver(packetId);
    if (given !== null) shares.keep(given.place, given.sequence);
  }
}
