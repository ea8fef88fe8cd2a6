/*
  What a room knows of logging. An event has a name that machines look for and never changes (`listener.ready`), a sentence for
  people, and fields. Nothing on a hot path logs; a level that is off costs a call and no allocation if the caller passes no fields.
*/

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** @param event `<noun>.<what happened>`, lower case. @param sentence what a person reads; no full stop. */
  trace(event: string, sentence: string, fields?: LogFields): void;
  debug(event: string, sentence: string, fields?: LogFields): void;
  info(event: string, sentence: string, fields?: LogFields): void;
  /** A field `error` may hold anything that was thrown; it is written with code, cause and stack. */
  warn(event: string, sentence: string, fields?: LogFields): void;
  error(event: string, sentence: string, fields?: LogFields): void;
  fatal(event: string, sentence: string, fields?: LogFields): void;
  /** For fields that cost something to gather. */
  isEnabled(level: LogLevel): boolean;
  /** A logger whose lines also have these fields. */
  child(fields: LogFields): Logger;
}

/** Takes everything and writes nothing. */
export const SILENT_LOGGER: Logger = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  fatal: () => {},
  isEnabled: () => false,
  child: () => SILENT_LOGGER,
};

export interface LogRecord {
  readonly level: LogLevel;
  readonly event: string;
  readonly sentence: string;
  readonly fields: LogFields;
}

/** Keeps what was logged, for tests. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[];
  readonly #bound: LogFields;

  constructor(records: LogRecord[] = [], bound: LogFields = {}) {
    this.records = records;
    this.#bound = bound;
  }

  trace(event: string, sentence: string, fields?: LogFields): void {
    this.#keep('trace', event, sentence, fields);
  }

  debug(event: string, sentence: string, fields?: LogFields): void {
    this.#keep('debug', event, sentence, fields);
  }

  info(event: string, sentence: string, fields?: LogFields): void {
    this.#keep('info', event, sentence, fields);
  }

  warn(event: string, sentence: string, fields?: LogFields): void {
    this.#keep('warn', event, sentence, fields);
  }

  error(event: string, sentence: string, fields?: LogFields): void {
    this.#keep('error', event, sentence, fields);
  }

  fatal(event: string, sentence: string, fields?: LogFields): void {
    this.#keep('fatal', event, sentence, fields);
  }

  isEnabled(): boolean {
    return true;
  }

  child(fields: LogFields): Logger {
    return new RecordingLogger(this.records, { ...this.#bound, ...fields });
  }

  #keep(level: LogLevel, event: string, sentence: string, fields: LogFields = {}): void {
    this.records.push({ level, event, sentence, fields: { ...this.#bound, ...fields } });
  }
}
