import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from '../resilience/deadline.js';

/*
  File systems of our own: an ext4 in a file, whose power can be cut, and a small tmpfs, which can be full.

  A power cut is FS_IOC_SHUTDOWN with NOLOGFLUSH: the file system stops at once, what no fsync or fdatasync has brought to the disk is gone
  after the next mount. The ioctl is given by a python3 that waits for a line, so that the cut comes within a millisecond.
*/

const IMAGE_BYTES = 768 * 2 ** 20;
const CUTTER = `
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(fd, 0x8004587D, struct.pack('I', 2))
`;

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Why power cannot be cut here; false if it can. Tried out with a file system that is thrown away. */
export async function powerGate(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'needs root: it mounts file systems';
  try {
    const disk = Disk.create();
    try {
      disk.mount();
      await (await disk.armCut())();
      disk.unmount();
      return false;
    } finally {
      disk.dispose();
    }
  } catch (error) {
    return `needs loop devices, ext4 and python3: ${error instanceof Error ? error.message : error}`;
  }
}

/** An ext4 in a file. */
export class Disk {
  readonly mountPath: string;
  /** For the broker: exists as soon as the disk was mounted first. */
  readonly dataPath: string;
  readonly #folder: string;
  #isMounted = false;
  #cutter: ChildProcessWithoutNullStreams | null = null;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'robustmq-disk-'));
    this.mountPath = join(this.#folder, 'mounted');
    this.dataPath = join(this.mountPath, 'data');
  }

  static create(): Disk {
    const disk = new Disk();
    const image = join(disk.#folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, IMAGE_BYTES);
    run('mkfs.ext4', '-q', '-F', image);
    mkdirSync(disk.mountPath);
    return disk;
  }

  mount(): void {
    run('mount', '-o', 'loop', join(this.#folder, 'image'), this.mountPath);
    this.#isMounted = true;
    mkdirSync(this.dataPath, { recursive: true });
  }

  unmount(): void {
    run('umount', this.mountPath);
    this.#isMounted = false;
  }

  /** Again from what is on the disk, as after a power cut. Nobody has a file open. */
  async remount(): Promise<void> {
    let reason: unknown;
    const isUnmounted = (): boolean => {
      try {
        this.unmount();
        return true;
      } catch (error) {
        reason = error; // Busy for a moment after its last user died.
        return false;
      }
    };
    await eventually('the disk is unmounted', isUnmounted, 10_000).catch(() => {
      throw reason;
    });
    this.mount();
  }

  /** @returns what cuts the power, now, and resolves when it is off. */
  async armCut(): Promise<() => Promise<void>> {
    const cutter = spawn('python3', ['-c', CUTTER, this.mountPath]);
    this.#cutter = cutter;
    const ended = once(cutter, 'exit');
    const [word] = await Promise.race([once(cutter.stdout, 'data'), ended]);
    if (!String(word).startsWith('ready')) throw new Error(`python3 ended with ${word}`);
    return async () => {
      cutter.stdin.write('\n');
      const [code] = await ended;
      if (code !== 0) throw new Error(`FS_IOC_SHUTDOWN failed: python3 ended with ${code}`);
    };
  }

  dispose(): void {
    this.#cutter?.kill('SIGKILL');
    if (this.#isMounted) run('umount', '-l', this.mountPath);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A directory of `mebibytes` that is gone when the test ends. */
export function mountSmall(context: TestContext, mebibytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'robustmq-small-'));
  run('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', folder);
  context.after(() => {
    run('umount', '-l', folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
