import type { Identity, Origin } from '../../../auth/ports.js';
import { GAUGE, METER, NO_ROW, type SharedLimits } from '../../../broker/quotas/ports.js';
import { COUNT } from '../../../telemetry/metrics/slots.js';
import type { Refusal } from '../authenticate.js';
import type { MqttConnection } from '../connection.js';
import { REASON } from '../constants.js';
import type { MqttContext } from '../context.js';
import type { TenantSpace } from '../tenant-space.js';
import { ConnectionMeter, tickOf } from './meter.js';

/*
  A connection counts where it is limited: for the node and its address before anybody asks who it is, for its user and tenant when that is known. It
  stops counting when it closes.
*/

export function enterByOrigin(context: MqttContext, connection: MqttConnection, { address }: Origin): Refusal | null {
  const { node, address: ofAddress, client } = context.quotas;
  if (client.some((rate) => rate > 0)) meterOf(context, connection);
  return enter(context, connection, 'node', node) ?? (address === '' ? null : enter(context, connection, `address ${address}`, ofAddress));
}

export function enterByIdentity(context: MqttContext, connection: MqttConnection, space: TenantSpace, { user }: Identity): Refusal | null {
  const { user: ofUser } = context.quotas;
  const refusal = user === '' ? null : enter(context, connection, `user ${space.name} ${user}`, ofUser);
  if (refusal !== null || space.limits === null) return refusal;
  return count(context, connection, space.quotaRow, space.limits, `tenant ${space.name}`);
}

/** The connection closes. Idempotent. */
export function leaveQuotas(context: MqttContext, connection: MqttConnection): void {
  const { rows } = context.quotas;
  for (const row of connection.countedRows.splice(0)) rows.add(row, GAUGE.connections, -1);
  for (const row of connection.heldRows.splice(0)) rows.release(row);
}

/** Whether one more session of the tenant may be opened. */
export function mayOpenSession(context: MqttContext, { limits, quotaRow }: TenantSpace): boolean {
  if (limits === null || limits.sessions === 0 || quotaRow === NO_ROW) return true;
  return context.quotas.rows.sum(quotaRow, GAUGE.sessions) < limits.sessions;
}

/** How many more subscriptions the tenant may have. */
export function subscriptionsLeft(context: MqttContext, { limits, quotaRow }: TenantSpace): number {
  if (limits === null || limits.subscriptions === 0 || quotaRow === NO_ROW) return Number.POSITIVE_INFINITY;
  return limits.subscriptions - context.quotas.rows.sum(quotaRow, GAUGE.subscriptions);
}

/** The tenant has that many sessions or subscriptions more on this shard, or fewer. */
export function countInTenant(context: MqttContext, tenant: string, gauge: 'sessions' | 'subscriptions', amount: number): void {
  const { quotaRow } = context.spaceOf(tenant);
  if (quotaRow !== NO_ROW && amount !== 0) context.quotas.rows.add(quotaRow, GAUGE[gauge], amount);
}

/** All that this shard has of a tenant, to or from its row. */
export function countTenant(context: MqttContext, { name, quotaRow, storageKiB }: TenantSpace, sign: 1 | -1): void {
  const { rows } = context.quotas;
  rows.add(quotaRow, GAUGE.storage, sign * storageKiB);
  for (const session of context.sessions.values()) {
    if (session.tenant !== name) continue;
    rows.add(quotaRow, GAUGE.sessions, sign);
    rows.add(quotaRow, GAUGE.subscriptions, sign * context.broker.subscriptionsOf(session).length);
  }
}

function enter(context: MqttContext, connection: MqttConnection, name: string, limits: SharedLimits | null): Refusal | null {
  if (limits === null) return null;
  const row = context.quotas.rows.hold(name, limits.rates, tickOf(context.nowMs));
  if (row === NO_ROW) {
    context.counts[COUNT.quotaRowsMissing] += 1;
    return null;
  }
  connection.heldRows.push(row);
  return count(context, connection, row, limits, name);
}

function count(context: MqttContext, connection: MqttConnection, row: number, limits: SharedLimits, name: string): Refusal | null {
  if (row === NO_ROW) return null;
  const { rows } = context.quotas;
  const { connections, rates } = limits;
  if (connections > 0 && rows.sum(row, GAUGE.connections) >= connections)
    return { reasonCode: REASON.quotaExceeded, sentence: `too many connections: ${name}` };
  const tick = tickOf(context.nowMs);
  if (rates[METER.connects] > 0 && rows.take(row, METER.connects, 1, tick) > 0) {
    rows.take(row, METER.connects, -1, tick); // Who is refused costs nothing, or nobody would ever come in.
    return { reasonCode: REASON.connectionRateExceeded, sentence: `too many connections at once: ${name}` };
  }
  rows.add(row, GAUGE.connections, 1);
  connection.countedRows.push(row);
  meterOf(context, connection).share(row, rates);
  return null;
}

function meterOf(context: MqttContext, connection: MqttConnection): ConnectionMeter {
  connection.meter ??= new ConnectionMeter(context.quotas.rows, context.quotas.client, context.nowMs);
  return connection.meter;
}
