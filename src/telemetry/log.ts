import { pino } from 'pino';
import { BrokerError } from '../base/errors.js';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/logger.js';
import { prettyLine } from './pretty-line.js';

/*
  The log, written by the main thread alone: shards send it their records (`runtime/port-logger.ts`). Lines are whole and written at
  once, so what was said before a crash is there.
*/

/** What all loggers of a process share. Setting the level takes effect in each of them. */
export class LogOutput {
  level: LogLevel;
  readonly format: 'pretty' | 'json';
  readonly isColored: boolean;

  constructor(level: LogLevel, format: LogOutput['format'], isColored: boolean) {
    this.level = level;
    this.format = format;
    this.isColored = isColored;
  }
}

/** Where lines go. Each call is one whole line with its line feed. */
export interface LogSink {
  write(line: string): void;
}

/** Pino's own levels; ours are filtered before pino is asked. */
type WrittenLevel = Exclude<LogLevel, 'silent'>;

/** @param sink standard output unless given. */
export function openLog(output: LogOutput, fields: LogFields = {}, sink: LogSink = pino.destination({ fd: 1, sync: true })): Logger {
  const target = output.format === 'json' ? sink : prettySink(sink, output.isColored);
  const root = pino(
    {
      level: 'trace',
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorRecord },
    },
    target,
  );
  return new PinoLogger(root.child(fields), output);
}

class PinoLogger implements Logger {
  readonly #pino: pino.Logger;
  readonly #output: LogOutput;

  constructor(logger: pino.Logger, output: LogOutput) {
    this.#pino = logger;
    this.#output = output;
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
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.#output.level);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields), this.#output);
  }

  #write(level: WrittenLevel, event: string, sentence: string, fields: LogFields | undefined): void {
    if (this.isEnabled(level)) this.#pino[level]({ event, ...fields }, sentence);
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
