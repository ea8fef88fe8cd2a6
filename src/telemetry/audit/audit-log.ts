import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BoundedQueue } from '../../base/bounded-queue.js';
import type { Clock } from '../../base/clock.js';
import { describeError } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import { type AuditFault, type AuditLink, checkChain, lineOf } from './chain.js';

export interface AuditOptions {
  readonly directory: string;
  /** A file that is as large is followed by the next one. */
  readonly fileBytesMax: number;
  /** With more, the oldest is deleted; what is left is a chain still. */
  readonly filesMax: number;
  /** Records that wait for the disk. */
  readonly queueMax: number;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Waiting {
  readonly timeMs: number;
  readonly event: string;
  readonly fields: object;
}

const FILE = /^audit-(\d{6,})\.jsonl$/;
/** Lines of one write. */
const BATCH_MAX = 512;
const RETRY_MS = 1000;

/**
 * What happened that somebody may ask about one day, in files that are only appended to. One process writes them, on its main thread. What comes
 * faster than the disk waits in a bounded queue; what does not fit into it is counted, and the next line says how many are missing.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  readonly #queue: BoundedQueue<Waiting>;
  #number: number;
  #bytes: number;
  #last: AuditLink | null;
  #missing = 0;
  #file: FileHandle | null = null;
  #writing: Promise<void> | null = null;
  #isClosed = false;

  /** A line that a crash cut off is taken away, and said so. */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#queue = new BoundedQueue(options.queueMax);
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.#number = Math.max(1, ...auditFiles(options.directory).map(({ number }) => number));
    const path = this.#path();
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
    const { last, fault } = checkChain(whole, null);
    this.#bytes = Buffer.byteLength(whole);
    this.#last = last ?? lastBefore(options.directory, this.#number);
    if (whole.length < text.length) this.record('audit.cut-off', { bytes: Buffer.byteLength(text) - this.#bytes });
    if (fault === null) return;
    // What is wrong stays as it is; the chain goes on behind it, in a file of its own.
    this.#number += 1;
    this.#bytes = 0;
    options.log.error('audit.damaged', 'the audit log is not what was written', { path, ...fault });
    this.record('audit.damaged', { file: path, ...fault });
  }

  /** @param fields plain data, without secrets. */
  record(event: string, fields: object): void {
    if (this.#isClosed) return;
    if (this.#queue.isFull) this.#missing += 1;
    else this.#queue.push({ timeMs: this.#options.clock.nowMs(), event, fields });
    this.#writing ??= this.#write();
  }

  /** What was recorded is on the disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = null;
  }

  async #write(): Promise<void> {
    await Promise.resolve(); // What is recorded in this turn goes together.
    while (!this.#queue.isEmpty || this.#missing > 0) {
      let last = this.#last;
      const lines: string[] = [];
      const add = (timeMs: number, event: string, fields: object): void => {
        const line = lineOf(last, timeMs, event, fields);
        lines.push(line.text);
        last = line.link;
      };
      for (let taken = this.#queue.shift(); taken !== undefined; taken = lines.length < BATCH_MAX ? this.#queue.shift() : undefined)
        add(taken.timeMs, taken.event, taken.fields);
      if (this.#queue.isEmpty && this.#missing > 0) {
        add(this.#options.clock.nowMs(), 'audit.missing', { lines: this.#missing });
        this.#missing = 0;
      }
      await this.#append(`${lines.join('\n')}\n`);
      this.#last = last;
    }
    this.#writing = null;
  }

  /** Tries until it is written: meanwhile others wait in the queue. */
  async #append(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    let isNew = false;
    if (this.#bytes >= this.#options.fileBytesMax) {
      await this.#file?.close();
      this.#file = null;
      this.#number += 1;
      this.#bytes = 0;
      isNew = true;
    }
    for (;;) {
      try {
        if (isNew) await this.#dropOldest();
        isNew = false;
        this.#file ??= await open(this.#path(), 'a', 0o600);
        await this.#file.truncate(this.#bytes); // What an earlier try left behind.
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
        this.#bytes += bytes.length;
        return;
      } catch (error) {
        this.#options.log.error('audit.unwritten', 'the audit log cannot be written', { path: this.#path(), error: describeError(error) });
        if (this.#isClosed) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** Before the newest is made. */
  async #dropOldest(): Promise<void> {
    const { directory, filesMax } = this.#options;
    const files = auditFiles(directory);
    for (const { name } of files.slice(0, Math.max(0, files.length + 1 - filesMax))) await unlink(join(directory, name));
  }

  #path(): string {
    return join(this.#options.directory, `audit-${String(this.#number).padStart(6, '0')}.jsonl`);
  }
}

export interface AuditCheck {
  readonly files: number;
  readonly lines: number;
  /** The first that is wrong. */
  readonly fault: (AuditFault & { readonly file: string }) | null;
}

/**
 * Whether all files of a directory are what was written, in one chain. Files before the first may have been taken away, and a broker that runs may be
 * in the middle of the last line.
 */
export function verifyAudit(directory: string): AuditCheck {
  let lines = 0;
  let last: AuditLink | null = null;
  const files = auditFiles(directory);
  for (const [index, { name }] of files.entries()) {
    const text = readFileSync(join(directory, name), 'utf8');
    const check = checkChain(index === files.length - 1 ? text.slice(0, text.lastIndexOf('\n') + 1) : text, last);
    lines += check.lines;
    if (check.fault !== null) return { files: files.length, lines, fault: { file: name, ...check.fault } };
    last = check.last;
  }
  return { files: files.length, lines, fault: null };
}

/** The last records, oldest first, as they were written. */
export function latestAudit(directory: string, count: number): readonly string[] {
  let lines: string[] = [];
  for (const { name } of [...auditFiles(directory)].reverse()) {
    const text = readFileSync(join(directory, name), 'utf8');
    const whole = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '');
    lines = [...whole.slice(-(count - lines.length)), ...lines];
    if (lines.length >= count) break;
  }
  return lines;
}

function auditFiles(directory: string): readonly { readonly name: string; readonly number: number }[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const number = FILE.exec(name)?.[1];
      return number === undefined ? [] : [{ name, number: Number(number) }];
    })
    .sort((left, right) => left.number - right.number);
}

/** The last line of the files before this one, which is empty. */
function lastBefore(directory: string, number: number): AuditLink | null {
  const before = auditFiles(directory)
    .filter((file) => file.number < number)
    .at(-1);
  return before === undefined ? null : checkChain(readFileSync(join(directory, before.name), 'utf8'), null).last;
}
