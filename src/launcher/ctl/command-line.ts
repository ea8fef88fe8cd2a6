import { Command, CommanderError, Option } from 'commander';
import type { SettingsInput } from '../../settings/parse.js';
import { type CommandLineEnd, EXIT } from '../command-line.js';
import { type CtlAction, type Flags, TOPICS, type VerbPage } from './verbs.js';

/*
  robust-ctl <topic> <verb> [name] [--config file] [--data-path directory] [--set section.key=value]... [-o json]
*/

export interface CtlLine {
  readonly action: CtlAction;
  /** Which broker is meant: the one that these settings would start. */
  readonly input: SettingsInput;
  readonly form: 'table' | 'json';
}

/** @param args without the interpreter and the script. */
export function parseCtlLine(args: readonly string[], version: string): CtlLine | CommandLineEnd {
  const end = { exitCode: EXIT.ok as number, out: '', err: '' };
  let line: CtlLine | null = null;
  const program = new Command('robust-ctl')
    .description('Looks into a running RobustMQ broker and changes it. verify and repair look at the files of one that is stopped')
    .version(version, '-V, --version')
    .exitOverride()
    .showHelpAfterError('(robust-ctl --help shows what there is)')
    .configureOutput({
      writeOut: (text) => {
        end.out += text;
      },
      writeErr: (text) => {
        end.err += text;
      },
    })
    .addHelpText('after', examplesText(['stream list', 'session list --match "sensor-*"', 'journal status -o json']));
  for (const { topic, summary, pages } of TOPICS) {
    const group = program.command(topic).summary(summary).description(summary);
    group.addHelpText('after', examplesText(pages.slice(0, 3).map(({ examples }) => examples[0])));
    for (const page of pages)
      addVerb(group, page, (found) => {
        line = found;
      });
  }
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    end.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return end;
  }
  return line ?? end;
}

export function isCtlLine(parsed: CtlLine | CommandLineEnd): parsed is CtlLine {
  return 'action' in parsed;
}

function addVerb(group: Command, page: VerbPage, take: (line: CtlLine) => void): void {
  const command = group
    .command(page.verb)
    .summary(page.summary)
    .description(page.description ?? page.summary);
  if (page.name !== null) command.argument(`<${page.name}>`);
  for (const option of page.options) command.addOption(option);
  command
    .addOption(new Option('--config <file>', 'settings file of the broker; without it the defaults hold'))
    .addOption(new Option('--data-path <directory>', 'its data_path, if it is all that differs'))
    .addOption(new Option('--set <section.key=value>', 'one of its settings; may be repeated').argParser(appendTo));
  const hasOutputFile = page.options.some(({ long }) => long === '--output');
  if (!hasOutputFile)
    command.addOption(new Option('-o, --output <form>', 'table, or json for programs').choices(['table', 'json']).default('table'));
  else command.addOption(new Option('-o <form>', 'json is the only form').choices(['json']).hideHelp());
  command.addHelpText('after', examplesText(page.examples));
  command.action((...given: unknown[]) => {
    const flags: Flags = command.opts();
    const name = page.name === null ? '' : String(given[0]);
    const action = page.action(name, flags);
    if (typeof action === 'string') return command.error(`error: ${action}`, { exitCode: EXIT.usage });
    const at = flags.dataPath === undefined ? [] : [`data_path=${flags.dataPath}`];
    take({
      action,
      input: { configPath: flags.config ?? null, assignments: [...(flags.set ?? []), ...at] },
      form: !hasOutputFile && flags.output === 'json' ? 'json' : 'table',
    });
  });
}

function appendTo(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  robust-ctl ${example}`).join('\n')}`; // The line feed is commander's.
}
