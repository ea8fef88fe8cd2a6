import { pino } from 'pino';
import { BrokerError } from '../base/errors.js';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/logger.js';
import { prettyLine } from './pretty-line.js';

/*
  The log of every thread. Each thread opens its own logger from the same hand-over and writes whole lines to standard output by
  itself, so a thread that dies has written what it said. The level is one cell in shared memory: a reload reaches all threads.
*/

/** What a thread needs to log; may be posted to workers. */
export interface LogHandOver {
  readonly format: 'pretty' | 'json';
  readonly isColored: boolean;
  /** One Int32: index into LOG_LEVELS. */
  readonly level: SharedArrayBuffer;
}

/** Where lines go. Each call is one whole line with its line feed. */
export interface LogSink {
  write(line: string): void;
}

/** Pino's own levels; ours are filtered before pino is asked. */
type WrittenLevel = Exclude<LogLevel, 'silent'>;

export function createLogHandOver(level: LogLevel, format: LogHandOver['format'], isColored: boolean): LogHandOver {
  const handOver: LogHandOver = { format, isColored, level: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
  setLogLevel(handOver, level);
  return handOver;
}

/** Takes effect in every thread that logs by this hand-over. */
export function setLogLevel(handOver: LogHandOver, level: LogLevel): void {
  Atomics.store(new Int32Array(handOver.level), 0, LOG_LEVELS.indexOf(level));
}

/** @param sink standard output unless given. */
export function openLog(handOver: LogHandOver, fields: LogFields = {}, sink: LogSink = pino.destination({ fd: 1, sync: true })): Logger {
  const target = handOver.format === 'json' ? sink : prettySink(sink, handOver.isColored);
  const root = pino(
    {
      level: 'trace',
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorRecord },
    },
    target,
  );
  return new PinoLogger(root.child(fields), handOver);
}

class PinoLogger implements Logger {
  readonly #pino: pino.Logger;
  readonly #handOver: LogHandOver;
  readonly #level: Int32Array;

  constructor(logger: pino.Logger, handOver: LogHandOver) {
    this.#pino = logger;
    this.#handOver = handOver;
    this.#level = new Int32Array(handOver.level);
  }

  trace(event: string, sentence: string, fields?: LogFields): void {
    this.#write('trace', event, sentence, fields);
  }

  debug(event: string, sentence: string, fields?: LogFields): void {
    this.#write('debug', event, sentence, fields);
  }

  info(event: string, sentence: string, fields?: LogFields): void {
    this.#write('info', event, sentence, fields);
  }

  warn(event: string, sentence: string, fields?: LogFields): void {
    this.#write('warn', event, sentence, fields);
  }

  error(event: string, sentence: string, fields?: LogFields): void {
    this.#write('error', event, sentence, fields);
  }

  fatal(event: string, sentence: string, fields?: LogFields): void {
    this.#write('fatal', event, sentence, fields);
  }

  isEnabled(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= Atomics.load(this.#level, 0);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields), this.#handOver);
  }

  #write(level: WrittenLevel, event: string, sentence: string, fields: LogFields | undefined): void {
    if (LOG_LEVELS.indexOf(level) < Atomics.load(this.#level, 0)) return;
    this.#pino[level]({ event, ...fields }, sentence);
  }
}

/** An error as fields. `cure` is there for errors of the world only; the cause follows as far as it goes. */
function errorRecord(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    ...(error instanceof BrokerError ? { cure: error.cure } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: errorRecord(error.cause) }),
  };
}

function prettySink(sink: LogSink, isColored: boolean): LogSink {
  return {
    write(line: string): void {
      const { time, level, event, msg, ...fields } = JSON.parse(line);
      sink.write(prettyLine({ time, level, event, sentence: msg, fields }, isColored));
    },
  };
}
