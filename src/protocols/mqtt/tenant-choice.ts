import type { Origin } from '../../auth/ports.js';
import { DEFAULT_TENANT } from '../../base/tenant-names.js';
import type { ConnectPacket } from './packets.js';

/** Whose client it is, and how it is called there. */
export interface TenantChoice {
  readonly tenant: string;
  readonly clientId: string;
  readonly userName: string | null;
}

/**
 * The tenant of a CONNECT. The first that is there:
 *
 *   user property `tenant` (MQTT 5) | user name `tenant@user` | client identifier `tenant@client` | the listener's | default
 *
 * A name with an @ whose first part is no tenant is left as it is: most of those are mail addresses.
 * @param tenants those that there are.
 * @returns null if the client names a tenant that there is not.
 */
export function chooseTenant(tenants: ReadonlyMap<string, unknown>, packet: ConnectPacket, origin: Origin): TenantChoice | null {
  const { clientId, username: userName, tenant } = packet;
  if (tenant !== null) return tenants.has(tenant) ? { tenant, clientId, userName } : null;
  if (tenants.size > 1) {
    const ofUser = splitName(tenants, userName ?? '');
    if (ofUser !== null) return { tenant: ofUser.tenant, clientId, userName: ofUser.rest };
    const ofClient = splitName(tenants, clientId);
    if (ofClient !== null) return { tenant: ofClient.tenant, clientId: ofClient.rest, userName };
  }
  if (origin.tenant !== '') return tenants.has(origin.tenant) ? { tenant: origin.tenant, clientId, userName } : null;
  return { tenant: DEFAULT_TENANT, clientId, userName };
}

function splitName(tenants: ReadonlyMap<string, unknown>, name: string): { readonly tenant: string; readonly rest: string } | null {
  const at = name.indexOf('@');
  if (at <= 0 || at === name.length - 1) return null;
  const tenant = name.slice(0, at);
  return tenants.has(tenant) ? { tenant, rest: name.slice(at + 1) } : null;
}
