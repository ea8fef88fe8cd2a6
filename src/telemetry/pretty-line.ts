import picocolors from 'picocolors';
import type { LogFields, LogLevel } from '../base/logger.js';

/*
  A log line for people:

    18:52:31.402 WARN  connection.slow  output waits  connection=7 bytes=1048576
*/

export interface PrettyRecord {
  readonly time: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly sentence: string;
  readonly fields: LogFields;
}

type Colors = ReturnType<typeof picocolors.createColors>;

export function prettyLine(record: PrettyRecord, isColored: boolean): string {
  const colors = picocolors.createColors(isColored);
  const clock = new Date(record.time).toISOString().slice(11, 23);
  const level = tint(colors, record.level)(record.level.toUpperCase().padEnd(5));
  const fields: string[] = [];
  let below = '';
  for (const [name, value] of Object.entries(record.fields)) {
    if (name === 'error' && isErrorRecord(value)) below = errorLines(value);
    else fields.push(`${colors.dim(`${name}=`)}${fieldText(value)}`);
  }
  const parts = [colors.dim(clock), level, record.event, record.sentence, ...fields];
  return `${parts[0]} ${parts[1]} ${parts.slice(2).join('  ')}${below}\n`;
}

/** A serialized error, as `log.ts` makes them. */
interface ErrorRecord {
  readonly message: string;
  readonly stack?: string;
  readonly cure?: string;
  readonly cause?: unknown;
}

function isErrorRecord(value: unknown): value is ErrorRecord {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

/** Errors of the world are told by message and cure; of anything else the stack is what helps. Then what caused it. */
function errorLines(error: ErrorRecord): string {
  const text = error.cure === undefined ? (error.stack ?? error.message) : `${error.message}. ${error.cure}.`;
  const lines = text.split('\n').map((line) => `\n    ${line}`);
  return `${lines.join('')}${isErrorRecord(error.cause) ? errorLines(error.cause) : ''}`;
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s="]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
}

function tint(colors: Colors, level: LogLevel): (text: string) => string {
  switch (level) {
    case 'fatal':
    case 'error':
      return colors.red;
    case 'warn':
      return colors.yellow;
    case 'info':
      return colors.green;
    default:
      return colors.dim;
  }
}
