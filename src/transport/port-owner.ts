import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const STATE_LISTEN = '0A';

/** Process id of a listener on this TCP port, for an error message; null if /proc does not say. */
export function portOwner(port: number): number | null {
  try {
    const inodes = new Set([...listeningInodes('/proc/net/tcp', port), ...listeningInodes('/proc/net/tcp6', port)]);
    if (inodes.size === 0) return null;
    for (const entry of readdirSync('/proc')) {
      if (/^\d+$/.test(entry) && holdsSocket(entry, inodes)) return Number(entry);
    }
  } catch {
    // Without /proc the message names the port only.
  }
  return null;
}

/*
  /proc/net/tcp, columns by blanks: 0 number | 1 local address:port (hex) | 2 remote | 3 state | ... | 9 inode
*/
function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes: string[] = [];
  for (const line of readFileSync(table, 'latin1').split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns.length > 9 && columns[1].endsWith(suffix) && columns[3] === STATE_LISTEN) inodes.push(columns[9]);
  }
  return inodes;
}

function holdsSocket(process: string, inodes: ReadonlySet<string>): boolean {
  try {
    for (const descriptor of readdirSync(`/proc/${process}/fd`)) {
      const target = readlinkSync(`/proc/${process}/fd/${descriptor}`);
      if (target.startsWith('socket:[') && inodes.has(target.slice(8, -1))) return true;
    }
  } catch {
    // Another user's process, or one that ended meanwhile.
  }
  return false;
}
