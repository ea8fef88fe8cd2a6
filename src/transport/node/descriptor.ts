import { readlinkSync } from 'node:fs';

/*
  A listening descriptor is shared by number between the threads of the process, but each thread's handle closes it. Whoever
  comes second would close a number that may belong to somebody else by then. The kernel's name of the socket tells.
*/

/** `socket:[inode]`, or '' if the descriptor is closed or is no socket. */
export function socketInode(descriptor: number): string {
  try {
    const name = readlinkSync(`/proc/self/fd/${descriptor}`);
    return name.startsWith('socket:') ? name : '';
  } catch {
    return ''; // Closed already.
  }
}

export function isSameSocket(descriptor: number, inode: string): boolean {
  return inode !== '' && socketInode(descriptor) === inode;
}
