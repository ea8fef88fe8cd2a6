import { createInterface } from 'node:readline';
import { BrokerError, systemCodeOf } from '../../base/errors.js';

/** Where a command writes, and whom it can ask. */
export interface Terminal {
  /** Done when it is written. Rejects with BrokerError RMQ-1026. */
  out(text: string): Promise<void>;
  err(text: string): void;
  /** Somebody sees standard error and can answer. */
  readonly isInteractive: boolean;
  /** A row of standard error can be written over. */
  readonly hasProgress: boolean;
  /** Aborted by Ctrl-C, and when nobody reads standard output any more. */
  readonly signal: AbortSignal;
  /** True for yes. */
  confirm(question: string): Promise<boolean>;
}

/** That of this process. */
export function processTerminal(): Terminal {
  const abort = new AbortController();
  const { stdin, stdout, stderr } = process;
  process.once('SIGINT', () => abort.abort('interrupted')); // A second one ends the process.
  process.once('SIGTERM', () => abort.abort('interrupted'));
  stdout.on('error', (error) => {
    if (systemCodeOf(error) === 'EPIPE') abort.abort('unread'); // Anything else is told by the write that failed.
  });
  return {
    out: (text) => writeOut(text, abort.signal),
    err: (text) => void stderr.write(text),
    isInteractive: stdin.isTTY === true && stderr.isTTY === true,
    hasProgress: stderr.isTTY === true,
    signal: abort.signal,
    confirm: (question) => askOnTerminal(question, abort.signal),
  };
}

/** Waits until it is written, so that memory does not fill while the reader is slow. */
function writeOut(text: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => resolve();
    signal.addEventListener('abort', end);
    process.stdout.write(text, (error) => {
      signal.removeEventListener('abort', end);
      const code = systemCodeOf(error);
      if (code === '' || code === 'EPIPE') resolve();
      else reject(new BrokerError('RMQ-1026', `(standard output: ${code})`, { cause: error }));
    });
  });
}

function askOnTerminal(question: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const close = (): void => lines.close();
    signal.addEventListener('abort', close, { once: true });
    lines.on('SIGINT', close);
    lines.on('close', () => resolve(false)); // Without effect if it was answered before.
    lines.question(`${question} [y/N] `, (answer) => {
      resolve(/^y(es)?$/i.test(answer.trim()));
      lines.close();
    });
  });
}

/** Asks, unless `--yes` answered. @throws BrokerError RMQ-1025. */
export async function confirm(terminal: Terminal, isConfirmed: boolean, question: string): Promise<void> {
  if (isConfirmed) return;
  if (!terminal.isInteractive) throw new BrokerError('RMQ-1025', '(this is no terminal, so nobody can be asked)');
  if (!(await terminal.confirm(question))) throw new BrokerError('RMQ-1025', '(nothing was done)');
}

/** Resolves after the time, or when the command is to end. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
