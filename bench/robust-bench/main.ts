import { CommanderError } from 'commander';
import { createProgram } from './program.js';
import { LoadFailure } from './run-load.js';
import { runSeries, type Screen } from './run-series.js';

/* Entry of robust-bench: results to standard output, words to standard error, and an exit code that a script can use. */

const EXIT = { sound: 0, unsound: 1, usage: 2, unreachable: 3, refused: 4, interrupted: 130 } as const;

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));

const screen: Screen = {
  out: (text) => process.stdout.write(`${text}\n`),
  live: process.stderr.isTTY ? (line) => process.stderr.write(`${line}\n`) : null,
};

try {
  const program = createProgram(async (request) => {
    process.exitCode = (await runSeries(request, screen, interrupt.signal)) ? EXIT.sound : EXIT.unsound;
  });
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode; // It has written its own words.
  process.stderr.write(`robust-bench: ${error instanceof Error ? error.message : String(error)}\n`);
  if (interrupt.signal.aborted) return EXIT.interrupted;
  if (error instanceof LoadFailure) return EXIT[error.kind];
  return EXIT.unsound;
}
