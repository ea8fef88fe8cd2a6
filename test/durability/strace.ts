import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/*
  strace beside a running broker: what its threads asked of the kernel, in order, and faults in what the kernel answers.

  strace stops a thread at the entry and at the exit of each call, and writes a line before it lets it go on. So the order of the lines is an
  order of events: if the exit of an fdatasync stands above the entry of a send, the send began after the fdatasync had returned.
*/

const ATTACH_MS_MAX = 15_000;
const STRING_BYTES_MAX = 8 * 2 ** 20;

/** Why strace cannot be used; false if it can. */
export const STRACE_GATE: string | false = straceGate();

function straceGate(): string | false {
  if (spawnSync('strace', ['-V']).status !== 0) return 'needs strace (Debian package strace)';
  return process.getuid?.() === 0 ? false : 'needs root: strace attaches to a running process';
}

/** One system call. Times are line numbers. */
export interface Call {
  readonly name: string;
  readonly thread: number;
  /** As strace writes them; strings are whole. */
  readonly text: string;
  readonly beganAt: number;
  /** Infinity if it did not return. */
  endedAt: number;
  /** -1 if it failed or did not return. */
  result: number;
  /** Seconds since 1970 of its entry. */
  readonly seconds: number;
}

export class Strace {
  readonly #child: ChildProcess;
  readonly #folder: string;
  #isGone = false;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    child.once('exit', () => {
      this.#isGone = true;
    });
  }

  /** @param expressions of `-e`, as `trace=fdatasync` or `inject=fdatasync:error=EIO:when=1`. */
  static async attach(pid: number, ...expressions: string[]): Promise<Strace> {
    const folder = mkdtempSync(join(tmpdir(), 'robustmq-strace-'));
    const options = ['-f', '-yy', '-ttt', '-s', String(STRING_BYTES_MAX), '-o', join(folder, 'calls')];
    const child = spawn('strace', [...options, ...expressions.flatMap((expression) => ['-e', expression]), '-p', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const strace = new Strace(child, folder);
    const said: string[] = [];
    const attached = new Promise<boolean>((resolve) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        if (line.includes('attached')) resolve(true);
      });
      child.once('exit', () => resolve(false));
      setTimeout(() => resolve(false), ATTACH_MS_MAX).unref();
    });
    if (!(await attached)) {
      await strace.detach();
      strace.dispose();
      throw new Error(`strace does not attach: ${said.join(' ')}`);
    }
    return strace;
  }

  /** Lets the broker go on alone. */
  async detach(): Promise<void> {
    if (this.#isGone) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    await gone;
  }

  /** What was written so far, as it is written. */
  text(): string {
    return readFileSync(join(this.#folder, 'calls'), 'latin1');
  }

  calls(): Call[] {
    return parseCalls(this.text());
  }

  dispose(): void {
    if (!this.#isGone) this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/*
  812 1764.000001 fdatasync(23<.../data.mdb>) = 0
  812 1764.000001 fdatasync(23<.../data.mdb> <unfinished ...>
  812 1764.000002 <... fdatasync resumed>) = -1 EIO (Input/output error) (INJECTED)
*/
export function parseCalls(text: string): Call[] {
  const calls: Call[] = [];
  const open = new Map<number, Call>();
  for (const [at, line] of text.split('\n').entries()) {
    const head = /^(\d+) +(\d+\.\d+) (?:<\.\.\. (\w+) resumed>|(\w+)\()/.exec(line);
    if (head === null) continue; // Signals, exits.
    const thread = Number(head[1]);
    const tail = / = (-?\d+|\?)(?: E\w+ \([^)]*\))?(?: \((?:INJECTED|DELAYED)(?:, \w+)*\))*$/.exec(line);
    const result = tail === null || tail[1] === '?' ? -1 : Number(tail[1]);
    if (head[3] !== undefined) {
      const call = open.get(thread);
      open.delete(thread);
      if (call === undefined) continue; // Began before strace came.
      call.endedAt = at;
      call.result = result;
      continue;
    }
    const isUnfinished = line.endsWith('<unfinished ...>');
    const endedAt = isUnfinished ? Number.POSITIVE_INFINITY : at;
    const call: Call = {
      name: head[4],
      thread,
      text: line,
      beganAt: at,
      endedAt,
      result: isUnfinished ? -1 : result,
      seconds: Number(head[2]),
    };
    calls.push(call);
    if (isUnfinished) open.set(thread, call);
  }
  return calls;
}

/** The file or socket of the first argument: what stands in angle brackets behind the descriptor. */
export function targetOf(call: Call): string {
  return /\(\d+<((?:->|[^<>]|<[^<>]*>)*)>/.exec(call.text)?.[1] ?? '';
}

/** The bytes that a write or send was given, in one piece. */
export function bytesOf(call: Call): Buffer {
  const pieces: Buffer[] = [];
  for (const [, quoted] of call.text.matchAll(/(?:iov_base=|^\d+ +[\d.]+ \w+\(\d+<[^"]*>, )"((?:[^"\\]|\\.)*)"/g))
    pieces.push(unquote(quoted));
  return Buffer.concat(pieces);
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12, '"': 34, '\\': 92 };

/** A string as C writes it. */
function unquote(quoted: string): Buffer {
  const plain = quoted.replace(/\\([0-7]{1,3}|.)/g, (_, code: string) => String.fromCharCode(ESCAPES[code] ?? Number.parseInt(code, 8)));
  return Buffer.from(plain, 'latin1');
}
