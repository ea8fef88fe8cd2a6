import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/logger.js';
import type { ThreadCells } from './thread-cells.js';

/** A line on its way to the main thread. */
export interface LogNotice {
  readonly kind: 'log';
  readonly level: LogLevel;
  readonly event: string;
  readonly sentence: string;
  readonly fields: LogFields;
}

/** Sends lines to the logger of the main thread. The level is a cell that main keeps, so that a reload reaches every thread. */
export class PortLogger implements Logger {
  readonly #post: (notice: LogNotice) => void;
  readonly #cells: ThreadCells;
  readonly #bound: LogFields;

  constructor(post: (notice: LogNotice) => void, cells: ThreadCells, bound: LogFields = {}) {
    this.#post = post;
    this.#cells = cells;
    this.#bound = bound;
  }

  trace(event: string, sentence: string, fields?: LogFields): void {
    this.#send('trace', event, sentence, fields);
  }

  debug(event: string, sentence: string, fields?: LogFields): void {
    this.#send('debug', event, sentence, fields);
  }

  info(event: string, sentence: string, fields?: LogFields): void {
    this.#send('info', event, sentence, fields);
  }

  warn(event: string, sentence: string, fields?: LogFields): void {
    this.#send('warn', event, sentence, fields);
  }

  error(event: string, sentence: string, fields?: LogFields): void {
    this.#send('error', event, sentence, fields);
  }

  fatal(event: string, sentence: string, fields?: LogFields): void {
    this.#send('fatal', event, sentence, fields);
  }

  isEnabled(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#cells.logLevel;
  }

  child(fields: LogFields): Logger {
    return new PortLogger(this.#post, this.#cells, { ...this.#bound, ...fields });
  }

  #send(level: LogLevel, event: string, sentence: string, fields: LogFields | undefined): void {
    if (this.isEnabled(level)) this.#post({ kind: 'log', level, event, sentence, fields: { ...this.#bound, ...fields } });
  }
}

/** The level that a logger of unknown make is at: the lowest that it writes. */
export function levelIndexOf(log: Logger): number {
  for (const [index, level] of LOG_LEVELS.entries()) if (log.isEnabled(level)) return index;
  return LOG_LEVELS.length - 1;
}
