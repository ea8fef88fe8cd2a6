import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import { EXIT } from '../command-line.js';
import { STREAM_PAGE } from './answers.js';
import { numberText } from './columns.js';
import { holeText, jsonLine, readSpans } from './records.js';
import { type Call, counted } from './stream-verbs.js';
import type { Terminal } from './terminal.js';

const PROGRESS_MS = 500;
/** Where a line cannot be written over. */
const PROGRESS_PLAIN_MS = 10_000;

/** Writes what the stream has now; what comes meanwhile is left out. */
export async function exportStream({ action, node, terminal }: Call<'stream-export'>): Promise<number> {
  const { definition, partitions, silent } = await node.ask({ verb: 'stream-describe', name: action.name }, STREAM_PAGE);
  if (silent.length > 0) throw new BrokerError('RMQ-1024', `(shard ${silent.join(', ')})`); // Half of a stream is not the stream.
  const spans = partitions.map(({ partition, start, end }) => ({ partition, next: start, end }));
  const progress = new Progress(
    terminal,
    partitions.reduce((sum, { records }) => sum + records, 0),
  );
  const file = action.path === null ? null : await OutputFile.create(action.path);
  let isDamaged = false;
  const pages = readSpans(node, definition.id, spans, (hole) => {
    progress.clear();
    terminal.err(holeText(hole));
    isDamaged ||= hole.isCorrupt;
  });
  try {
    for await (const records of pages) {
      if (terminal.signal.aborted) break;
      const text = records.map(jsonLine).join('');
      if (file === null) await terminal.out(text);
      else await file.write(text);
      progress.add(records.length);
    }
    if (!terminal.signal.aborted) await file?.finish();
  } catch (error) {
    progress.clear();
    await file?.discard();
    throw error;
  }
  progress.clear();
  if (terminal.signal.aborted) {
    await file?.discard();
    if (terminal.signal.reason === 'unread') return EXIT.ok; // Whoever reads has enough.
    terminal.err(`interrupted after ${counted(progress.count, 'record')}\n`);
    return EXIT.failure;
  }
  terminal.err(
    `exported ${counted(progress.count, 'record')} of stream "${action.name}"${action.path === null ? '' : ` to ${action.path}`}\n`,
  );
  return isDamaged ? EXIT.failure : EXIT.ok;
}

/** Says how far it is, if it takes long. */
class Progress {
  count = 0;
  readonly #terminal: Terminal;
  readonly #total: number;
  #saidMs = performance.now();
  #isShown = false;

  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  add(records: number): void {
    this.count += records;
    const { hasProgress } = this.#terminal;
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < (hasProgress ? PROGRESS_MS : PROGRESS_PLAIN_MS)) return;
    this.#saidMs = nowMs;
    const percent = Math.floor((100 * Math.min(this.count, this.#total)) / Math.max(1, this.#total));
    this.#terminal.err(
      `${hasProgress ? '\r' : ''}${numberText(this.count)} of about ${counted(this.#total, 'record')} (${percent} %)${hasProgress ? '' : '\n'}`,
    );
    this.#isShown = hasProgress;
  }

  clear(): void {
    if (this.#isShown) this.#terminal.err('\r\x1b[K');
    this.#isShown = false;
  }
}

/** A file that has its name only when it is whole. */
class OutputFile {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<OutputFile> {
    try {
      return new OutputFile(path, await open(`${path}.partial`, 'w', 0o600));
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  async write(text: string): Promise<void> {
    try {
      await this.#file.writeFile(text); // From where the last one ended.
    } catch (error) {
      throw cannotWrite(this.#path, error);
    }
  }

  async finish(): Promise<void> {
    try {
      await this.#file.sync();
      await this.#file.close();
      await rename(`${this.#path}.partial`, this.#path);
    } catch (error) {
      throw cannotWrite(this.#path, error);
    }
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await rm(`${this.#path}.partial`, { force: true });
  }
}

function cannotWrite(path: string, error: unknown): BrokerError {
  return new BrokerError('RMQ-1026', `(${path}: ${systemCodeOf(error)})`, { cause: error });
}
