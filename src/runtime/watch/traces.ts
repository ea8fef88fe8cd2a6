import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import type { TracePart, TraceSpec } from '../../protocols/mqtt/trace/tracing.js';

/*
  Traces of packets of the node: shards note, main writes each to a file of its own, data_path/traces/<name>.log, until its time is over or its size is
  reached. Files stay until somebody deletes them. There are few at once and few files: both are for people who look for a fault.
*/

export interface TraceOrder extends TraceSpec {
  readonly durationMs: number;
  readonly bytesMax: number;
}

export interface TraceRow {
  readonly name: string;
  /** Null: of an earlier run of the server, or ended. */
  readonly running: (TraceSpec & { readonly endsAtMs: number; readonly bytesMax: number; readonly lost: number }) | null;
  readonly bytes: number;
  readonly changedAtMs: number;
}

const RUNNING_MAX = 8;
const FILES_MAX = 64;
const SUFFIX = '.log';
/** Of one answer when a trace is read. */
const PAGE_BYTES = 256 * 1024;

interface Running {
  readonly order: TraceOrder;
  readonly endsAtMs: number;
  readonly descriptor: number;
  bytes: number;
  lost: number;
}

export class Traces {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #tell: (specs: readonly TraceSpec[]) => void;
  readonly #running: Map<string, Running> = new Map();

  /** @param tell the shards: which traces there are from now on. */
  constructor(dataPath: string, log: Logger, tell: (specs: readonly TraceSpec[]) => void) {
    this.#directory = join(dataPath, 'traces');
    this.#log = log;
    this.#tell = tell;
  }

  /** What shards note now. */
  get specs(): readonly TraceSpec[] {
    return [...this.#running.values()].map(({ order: { name, kind, value, tenant, payloadBytesMax } }) => {
      return { name, kind, value, tenant, payloadBytesMax };
    });
  }

  /** @throws BrokerError RMQ-1026, RMQ-1031, RMQ-1033. */
  start(order: TraceOrder, nowMs: number): void {
    const { name, kind, value } = order;
    if (this.#running.size >= RUNNING_MAX) throw new BrokerError('RMQ-1033', `(${RUNNING_MAX} traces are running)`);
    if (this.#files().length >= FILES_MAX) throw new BrokerError('RMQ-1033', `(there are ${FILES_MAX} traces: delete some)`);
    let descriptor: number;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      descriptor = openSync(this.#pathOf(name), 'wx', 0o600);
    } catch (cause) {
      if (systemCodeOf(cause) === 'EEXIST')
        throw new BrokerError('RMQ-1031', `(there is a trace "${name}": delete it, or take another name)`);
      throw new BrokerError('RMQ-1026', `(${this.#pathOf(name)})`, { cause });
    }
    const running = { order, endsAtMs: nowMs + order.durationMs, descriptor, bytes: 0, lost: 0 };
    this.#running.set(name, running);
    this.#write(running, `# ${new Date(nowMs).toISOString()} trace of the ${kind} ${JSON.stringify(value)}\n`, nowMs);
    this.#tell(this.specs);
  }

  /** @throws BrokerError RMQ-1023. */
  stop(name: string, nowMs: number): void {
    const running = this.#running.get(name);
    if (running === undefined) throw new BrokerError('RMQ-1023', `(there is no trace "${name}" that runs)`, { cure: CURE });
    this.#end(running, 'it was stopped', nowMs);
  }

  /** What a shard has noted. */
  take(parts: readonly TracePart[], nowMs: number): void {
    for (const { name, text, lost } of parts) {
      const running = this.#running.get(name);
      if (running === undefined) continue; // It ended meanwhile.
      running.lost += lost;
      const left = running.order.bytesMax - running.bytes;
      if (Buffer.byteLength(text) <= left) this.#write(running, text, nowMs);
      else {
        // Whole lines, as far as there is room.
        const room = Buffer.from(text).subarray(0, left);
        this.#write(running, room.subarray(0, room.lastIndexOf(0x0a) + 1).toString(), nowMs);
        if (this.#running.has(name)) this.#end(running, 'its size is reached', nowMs);
      }
    }
  }

  tick(nowMs: number): void {
    for (const running of [...this.#running.values()]) if (running.endsAtMs <= nowMs) this.#end(running, 'its time is over', nowMs);
  }

  /** The process goes on to its end. */
  close(): void {
    for (const { descriptor } of this.#running.values()) closeSync(descriptor);
    this.#running.clear();
  }

  list(): TraceRow[] {
    return this.#files().flatMap((name) => {
      try {
        const { size, mtimeMs } = statSync(this.#pathOf(name));
        return [{ name, running: this.#runningOf(name), bytes: size, changedAtMs: Math.round(mtimeMs) }];
      } catch {
        return []; // It was deleted this moment.
      }
    });
  }

  /** A page from a byte on. `next` -1: that was all there is. @throws BrokerError RMQ-1023. */
  read(name: string, offset: number): { readonly bytes: Buffer; readonly next: number } {
    const page = Buffer.alloc(PAGE_BYTES);
    let length: number;
    try {
      const descriptor = openSync(this.#pathOf(name), 'r');
      try {
        length = readSync(descriptor, page, 0, PAGE_BYTES, offset);
      } finally {
        closeSync(descriptor);
      }
    } catch (cause) {
      throw new BrokerError('RMQ-1023', `(there is no trace "${name}")`, { cause, cure: CURE });
    }
    return { bytes: page.subarray(0, length), next: length < PAGE_BYTES ? -1 : offset + length };
  }

  /** @throws BrokerError RMQ-1023, RMQ-1031. */
  delete(name: string): void {
    if (this.#running.has(name)) throw new BrokerError('RMQ-1031', `(the trace "${name}" runs: stop it first)`);
    if (!this.#files().includes(name)) throw new BrokerError('RMQ-1023', `(there is no trace "${name}")`, { cure: CURE });
    rmSync(this.#pathOf(name), { force: true });
  }

  #runningOf(name: string): TraceRow['running'] {
    const running = this.#running.get(name);
    if (running === undefined) return null;
    const { durationMs: _, ...order } = running.order;
    return { ...order, endsAtMs: running.endsAtMs, lost: running.lost };
  }

  #end(running: Running, why: string, nowMs: number): void {
    const { name } = running.order;
    const lost = running.lost === 0 ? '' : `, ${running.lost} packets found no room`;
    const note = `# ${new Date(nowMs).toISOString()} end: ${why}${lost}\n`;
    this.#running.delete(name);
    try {
      writeSync(running.descriptor, note);
    } catch (error) {
      this.#log.warn('trace.cut', 'the end of a trace could not be written', { name, error });
    }
    closeSync(running.descriptor);
    this.#log.info('trace.ended', 'a trace of packets ended', { name, why, bytes: running.bytes, lost: running.lost });
    this.#tell(this.specs);
  }

  #write(running: Running, text: string, nowMs: number): void {
    try {
      running.bytes += writeSync(running.descriptor, text);
    } catch (error) {
      this.#log.warn('trace.failed', 'a trace cannot be written', { name: running.order.name, error });
      this.#end(running, 'it could not be written', nowMs);
    }
  }

  #files(): string[] {
    try {
      const names = readdirSync(this.#directory).filter((file) => file.endsWith(SUFFIX));
      return names.map((file) => file.slice(0, -SUFFIX.length)).sort();
    } catch {
      return []; // There was no trace yet.
    }
  }

  #pathOf(name: string): string {
    return join(this.#directory, name + SUFFIX);
  }
}

const CURE = 'Look for the name with `robust-ctl mqtt trace list`';
