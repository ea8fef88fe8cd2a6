import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
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
  /** A line that nobody sees being typed; empty if there was none. */
  secret(question: string): Promise<string>;
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
    confirm: async (question) => /^y(es)?$/i.test(await askOnTerminal(`${question} [y/N] `, abort.signal, true)),
    secret: (question) => askOnTerminal(`${question}: `, abort.signal, false),
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

/** @returns the line without blanks around it; empty if it was interrupted. */
function askOnTerminal(question: string, signal: AbortSignal, isShown: boolean): Promise<string> {
  return new Promise((resolve) => {
    // What is typed comes back by `output`; for a secret that is nowhere.
    const output = isShown ? process.stderr : new Writable({ write: (_chunk, _encoding, done) => done() });
    if (!isShown) process.stderr.write(question);
    const lines = createInterface({ input: process.stdin, output, terminal: true });
    const close = (): void => lines.close();
    signal.addEventListener('abort', close, { once: true });
    lines.on('SIGINT', close);
    lines.on('close', () => {
      if (!isShown) process.stderr.write('\n');
      resolve(''); // Without effect if it was answered before.
    });
    lines.question(isShown ? question : '', (answer) => {
      resolve(isShown ? answer.trim() : answer);
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
