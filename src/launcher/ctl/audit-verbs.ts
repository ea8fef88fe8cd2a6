import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import { BrokerError } from '../../base/errors.js';
import { latestAudit, verifyAudit } from '../../telemetry/audit/audit-log.js';
import { EXIT } from '../command-line.js';
import { columns, numberText, printable } from './columns.js';
import { json } from './stream-verbs.js';
import { type RunCall, type VerbGroup, verb, wholeNumber } from './verb.js';

interface CountFlag {
  readonly count: number;
}

/** Fields of a record that have a column of their own, or are of the chain. */
const COLUMNS: ReadonlySet<string> = new Set(['seq', 'time', 'event', 'previous', 'hash']);

/** `robust-ctl audit`: reads the files of the data directory, whether or not the broker runs. */
export const AUDIT: VerbGroup = {
  topic: 'audit',
  summary: 'The audit log: who was refused, and what operators changed',
  verbs: [
    verb<CountFlag>({
      verb: 'tail',
      summary: 'Show the latest records of the audit log',
      args: [],
      options: [new Option('-n, --count <count>', 'so many').argParser(wholeNumber).default(20)],
      examples: ['audit tail', 'audit tail --count 100', 'audit tail -o json'],
      faultOf: (_args, { count }) => (count === 0 ? '--count is at least 1' : null),
      async run(call, _args, { count }) {
        const lines = latestAudit(directoryOf(call), count);
        if (call.form === 'json') await call.terminal.out(lines.map((line) => `${line}\n`).join(''));
        else await call.terminal.out(columns(['TIME', 'EVENT', 'WHAT'], lines.map(cellsOf)));
        return EXIT.ok;
      },
    }),
    verb<object>({
      verb: 'verify',
      summary: 'Check that the audit log is what was written',
      description: 'Check that the audit log is what was written: nothing changed, added or taken out. Ends with 1 if something is wrong',
      args: [],
      options: [],
      examples: ['audit verify', 'audit verify --data-path ./data', 'audit verify -o json'],
      async run(call) {
        const check = verifyAudit(directoryOf(call));
        const { fault } = check;
        const size = `${numberText(check.lines)} lines in ${numberText(check.files)} files`;
        const text = fault === null ? `${size}: as they were written` : `damaged: ${fault.file}, line ${fault.line}: ${fault.why}`;
        await call.terminal.out(call.form === 'json' ? json(check) : `${text}\n`);
        return fault === null ? EXIT.ok : EXIT.failure;
      },
    }),
  ],
};

function directoryOf({ node }: RunCall): string {
  const directory = join(node.dataPath, 'audit');
  if (existsSync(directory)) return directory;
  throw new BrokerError('RMQ-1005', `${directory}: there is no audit log`, {
    cure: 'Name the data_path of the broker, and set audit.enabled',
  });
}

/** A line that is damaged is shown as it is. */
function cellsOf(line: string): string[] {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null) return ['', '', printable(line)];
    const { time, event } = record as { readonly time?: unknown; readonly event?: unknown };
    const what = Object.fromEntries(Object.entries(record).filter(([name]) => !COLUMNS.has(name)));
    return [printable(String(time)), printable(String(event)), printable(JSON.stringify(what))];
  } catch {
    return ['', '', printable(line)];
  }
}
