/*
  Names of all tenants in one space, so that one trie, one set of routes and one directory serve them all:

    tenant default     a/b          a/+/#                     the names themselves
    tenant acme        a/b          $tenant/acme/a/b
                       $b/c         $tenant/acme$/$b/c         for `#` of the tenant does not match it (MQTT 5.0 §4.7.2)
                       $share/g/f   $share/g/$tenant/acme/f

  No wildcard of the default tenant matches `$tenant/...`, and clients cannot say it. Frames and records carry the topics as clients know them:
  these names never leave the broker.
*/

/** As TENANT_DEFAULT of metadata/catalogue/resources.ts. */
export const DEFAULT_TENANT = 'default';

const ROOT = '$tenant/';
const SHARED = '$share/';
/** Never part of a client identifier or a tenant's name. */
const KEY_SEPARATOR = '\u0000';

/** The name by which a tenant's topic, or filter without `$share`, is routed. */
export function routingName(tenant: string, name: string): string {
  if (tenant === DEFAULT_TENANT) return name;
  return name.startsWith('$') ? `${ROOT}${tenant}$/${name}` : `${ROOT}${tenant}/${name}`;
}

/** The filter by which a tenant's subscription is kept. */
export function routingFilter(tenant: string, filter: string): string {
  if (tenant === DEFAULT_TENANT) return filter;
  if (!filter.startsWith(SHARED)) return routingName(tenant, filter);
  const inner = filter.indexOf('/', SHARED.length) + 1;
  return filter.slice(0, inner) + routingName(tenant, filter.slice(inner));
}

/** Whose name it is. */
export function tenantOf(routing: string): string {
  if (!routing.startsWith(ROOT)) return DEFAULT_TENANT;
  const end = routing.indexOf('/', ROOT.length);
  return routing.slice(ROOT.length, routing.charCodeAt(end - 1) === 0x24 ? end - 1 : end);
}

/** Whose subscription it is. */
export function tenantOfFilter(routing: string): string {
  return tenantOf(routing.startsWith(SHARED) ? routing.slice(routing.indexOf('/', SHARED.length) + 1) : routing);
}

/** The name as clients of its tenant know it. */
export function plainName(routing: string): string {
  return routing.startsWith(ROOT) ? routing.slice(routing.indexOf('/', ROOT.length) + 1) : routing;
}

/** The filter as the client said it. */
export function plainFilter(routing: string): string {
  if (!routing.startsWith(SHARED)) return plainName(routing);
  const inner = routing.indexOf('/', SHARED.length) + 1;
  return routing.slice(0, inner) + plainName(routing.slice(inner));
}

/** Whether a client said what only the broker says. */
export function isRoutingName(name: string): boolean {
  return name.startsWith(ROOT) || name === '$tenant';
}

/** By which the broker knows the session of a tenant's client. */
export function sessionKey(tenant: string, clientId: string): string {
  return tenant === DEFAULT_TENANT ? clientId : `${tenant}${KEY_SEPARATOR}${clientId}`;
}

export function splitSessionKey(key: string): { readonly tenant: string; readonly clientId: string } {
  const at = key.indexOf(KEY_SEPARATOR);
  return at < 0 ? { tenant: DEFAULT_TENANT, clientId: key } : { tenant: key.slice(0, at), clientId: key.slice(at + 1) };
}
