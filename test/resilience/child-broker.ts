import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { FREE_PORTS } from '../../bench/macro/free-ports.js';
import { askControl } from '../../src/launcher/control-client.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
/** Linux reports processor time in hundredths of a second whatever the kernel's own tick is. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;

/** A line of the log, as far as tests look at it. */
const LOG_LINE: z.ZodType<LogLine> = z.looseObject({ event: z.string(), name: z.string().optional(), url: z.string().optional() });
export interface LogLine {
  readonly event: string;
  readonly name?: string | undefined;
  readonly url?: string | undefined;
}

const COUNTS = z.record(z.string(), z.number());
/** The node's report, as far as tests look at it. */
const STATUS: z.ZodType<ChildStatus> = z.object({
  connections: z.int(),
  node: z.object({
    acceptErrors: z.number(),
    shards: z.array(z.object({ shard: z.int(), transport: COUNTS, mqtt: COUNTS.optional(), sessions: z.number().optional() })),
  }),
});
export interface ChildStatus {
  readonly connections: number;
  readonly node: {
    readonly acceptErrors: number;
    readonly shards: readonly {
      readonly shard: number;
      readonly transport: Readonly<Record<string, number>>;
      /** As of up to a second ago; missing in the first one. */
      readonly mqtt?: Readonly<Record<string, number>> | undefined;
      readonly sessions?: number | undefined;
    }[];
  };
}

/** A whole broker in a process of its own, so that its limits, its processor time and its memory are its own. Gone when the test ends. */
export class ChildBroker {
  readonly pid: number;
  readonly log: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #dataPath: string;
  #waiting: (() => void)[] = [];

  private constructor(child: ChildProcess, dataPath: string) {
    this.#child = child;
    this.#dataPath = dataPath;
    this.pid = child.pid ?? 0;
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    });
    child.on('exit', () => this.#wake());
  }

  /** @param descriptorsMax hard limit of open descriptors; null for that of this process. */
  static start(context: TestContext, descriptorsMax: number | null, ...assignments: string[]): Promise<ChildBroker> {
    return ChildBroker.#launch(context, descriptorsMax, [], assignments);
  }

  /** One in which every collection of garbage is of all of it: slow, but what is resident is what it holds, and not what V8 has yet to look at. */
  static startWithoutGarbage(context: TestContext, ...assignments: string[]): Promise<ChildBroker> {
    return ChildBroker.#launch(context, null, ['--gc-global'], assignments);
  }

  static async #launch(
    context: TestContext,
    descriptorsMax: number | null,
    nodeFlags: readonly string[],
    assignments: readonly string[],
  ): Promise<ChildBroker> {
    const dataPath = mkdtempSync(join(tmpdir(), 'robustmq-child-'));
    const settings = [`data_path=${dataPath}`, ...FREE_PORTS, 'log.format=json', ...assignments];
    const args = [...nodeFlags, MAIN, 'start', '--foreground', ...settings.flatMap((setting) => ['--set', setting])];
    const limit = descriptorsMax === null ? '' : `ulimit -n ${descriptorsMax}; `;
    const child = spawn('/bin/sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const broker = new ChildBroker(child, dataPath);
    context.after(async () => {
      const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
      child.kill('SIGKILL');
      await gone;
      rmSync(dataPath, { recursive: true, force: true });
    });
    await broker.until(() => broker.log.some(({ event }) => event === 'server.ready'), 'the broker is ready', 15_000);
    return broker;
  }

  urlOf(name: 'mqtt.tcp' | 'mqtt.ws'): string {
    const url = this.log.find((line) => line.event === 'listener.ready' && line.name === name)?.url;
    if (url === undefined) throw new Error(`the broker has no listener ${name}`);
    return url;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What `robust-server status` shows. */
  async status(): Promise<ChildStatus> {
    const answer = await askControl(this.#dataPath, { verb: 'status' }, 5_000);
    if (answer === null) throw new Error('the broker does not answer');
    return STATUS.parse(answer.body);
  }

  /** Processor time of all its threads since it started. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK; // utime and stime, proc(5).
  }

  /** Memory of its own: what is mapped of files the kernel takes back when it needs it. */
  residentBytes(): number {
    const [, resident, shared] = readFileSync(`/proc/${this.pid}/statm`, 'latin1').split(' ').map(Number);
    return (resident - shared) * PAGE_BYTES;
  }

  /** Waits until `isSo`, which is asked whenever the broker logs; fails when the broker ends. */
  async until(isSo: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (error: Error | null): void => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((waiting) => waiting !== check);
        if (error === null) resolve();
        else reject(error);
      };
      const check = (): void => {
        if (isSo()) end(null);
        else if (!this.isRunning) end(new Error(`the broker ended before ${what}`));
      };
      const timer = setTimeout(() => end(new Error(`not within ${timeoutMs} ms: ${what}`)), timeoutMs);
      this.#waiting.push(check);
      check();
    });
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return; // The banner.
    this.log.push(LOG_LINE.parse(JSON.parse(line)));
    this.#wake();
  }

  #wake(): void {
    for (const check of this.#waiting) check();
  }
}
