import { Command, CommanderError, Option } from 'commander';
import type { SettingsInput } from '../../settings/parse.js';
import { type CommandLineEnd, EXIT } from '../command-line.js';
import { AUDIT } from './audit-verbs.js';
import { MQTT } from './mqtt/group.js';
import type { VerbGroup } from './verb.js';
import { type CtlAction, type Flags, TOPICS, type VerbPage } from './verbs.js';

/*
  robust-ctl <topic> [topic] <verb> [name] [--config file] [--data-path directory] [--set section.key=value]... [-o json]
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
  for (const group of [MQTT, AUDIT])
    addGroup(program, group, (found) => {
      line = found;
    });
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
  const command = begin(group, page, page.name === null ? [] : [`<${page.name}>`]);
  const hasOutputFile = page.options.some(({ long }) => long === '--output');
  addSharedOptions(command, hasOutputFile);
  command.addHelpText('after', examplesText(page.examples));
  command.action((...given: unknown[]) => {
    const flags: Flags = command.opts();
    const name = page.name === null ? '' : String(given[0]);
    finish(command, page.action(name, flags), hasOutputFile, take);
  });
}

function addGroup(above: Command, { topic, summary, verbs, groups = [] }: VerbGroup, take: (line: CtlLine) => void): void {
  const group = above.command(topic).summary(summary).description(summary);
  const pages = [...groups.map((below) => below.verbs[0]), ...verbs].slice(0, 3);
  group.addHelpText('after', examplesText(pages.map(({ examples }) => examples[0])));
  for (const below of groups) addGroup(group, below, take);
  for (const page of verbs) {
    const command = begin(group, page, page.args);
    addSharedOptions(command, false);
    command.addHelpText('after', examplesText(page.examples));
    command.action((...given: unknown[]) => {
      const args = given.slice(0, page.args.length).flatMap((arg) => (typeof arg === 'string' ? [arg] : []));
      const run = page.prepare(args, command.opts());
      finish(command, typeof run === 'string' ? run : { kind: 'run', run }, false, take);
    });
  }
}

type PageHead = Pick<VerbPage, 'verb' | 'summary' | 'description' | 'options'>;

function begin(group: Command, page: PageHead, args: readonly string[]): Command {
  const command = group
    .command(page.verb)
    .summary(page.summary)
    .description(page.description ?? page.summary);
  for (const arg of args) command.argument(arg);
  for (const option of page.options) command.addOption(option);
  return command;
}

/** Which broker is meant, and how the answer is shown. */
function addSharedOptions(command: Command, hasOutputFile: boolean): void {
  command
    .addOption(new Option('--config <file>', 'settings file of the broker; without it the defaults hold'))
    .addOption(new Option('--data-path <directory>', 'its data_path, if it is all that differs'))
    .addOption(new Option('--set <section.key=value>', 'one of its settings; may be repeated').argParser(appendTo));
  if (!hasOutputFile)
    command.addOption(new Option('-o, --output <form>', 'table, or json for programs').choices(['table', 'json']).default('table'));
  else command.addOption(new Option('-o <form>', 'json is the only form').choices(['json']).hideHelp());
}

function finish(command: Command, action: CtlAction | string, hasOutputFile: boolean, take: (line: CtlLine) => void): void {
  if (typeof action === 'string') command.error(`error: ${action}`, { exitCode: EXIT.usage });
  const flags: Flags = command.opts();
  const at = flags.dataPath === undefined ? [] : [`data_path=${flags.dataPath}`];
  take({
    action,
    input: { configPath: flags.config ?? null, assignments: [...(flags.set ?? []), ...at] },
    form: !hasOutputFile && flags.output === 'json' ? 'json' : 'table',
  });
}

function appendTo(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  robust-ctl ${example}`).join('\n')}`; // The line feed is commander's.
}
