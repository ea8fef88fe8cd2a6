/** Host and port as one text, as in a URL (RFC 3986, section 3.2): an IPv6 address stands in brackets. */
export function authorityOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
