import type { MqttSession } from '../session.js';

/* How operators name sessions, topics and filters: by tenant and as clients do. */

const TENANT_DEFAULT = 'default';

export function tenantOf(session: MqttSession): string {
  return session.identity?.tenant ?? TENANT_DEFAULT;
}

/** Empty: nobody in particular. */
export function userOf(session: MqttSession): string {
  return session.identity?.user ?? session.owner ?? '';
}

/** By which `context.sessions` knows the session. */
export function sessionKeyOf(tenant: string, clientId: string): string {
  return tenant === TENANT_DEFAULT ? clientId : `${tenant}\u0000${clientId}`;
}
