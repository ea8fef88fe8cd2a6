import { Command, CommanderError, Option } from 'commander';

/*
  robust-server <verb> [config.toml] [--set section.key=value]...
*/

export type Verb = 'start' | 'stop' | 'restart' | 'status' | 'reload';

export interface CommandLine {
  readonly verb: Verb;
  readonly configPath: string | null;
  /** Arguments of `--set`, in order. */
  readonly assignments: readonly string[];
  /** `start` only: stay in this process. */
  readonly isForeground: boolean;
  /** `status` only. */
  readonly output: 'table' | 'json';
}

/** What to print and how to end when there is no command to run. */
export interface CommandLineEnd {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export const EXIT = { ok: 0, failure: 1, usage: 2, unreachable: 3 } as const;

interface VerbOptions {
  readonly set?: readonly string[];
  readonly foreground?: boolean;
  readonly output?: 'table' | 'json';
}

interface VerbPage {
  readonly verb: Verb;
  readonly summary: string;
  readonly examples: readonly string[];
}

const PAGES: readonly VerbPage[] = [
  {
    verb: 'start',
    summary: 'Start the server, and return when it is ready',
    examples: ['start --foreground', 'start config/server.toml', 'start --set mqtt.tcp.port=1884 --set log.level=debug'],
  },
  {
    verb: 'stop',
    summary: 'Stop the server: clients are told, what is queued is written, and it ends',
    examples: ['stop', 'stop config/server.toml', 'stop --set data_path=/var/lib/robustmq'],
  },
  {
    verb: 'restart',
    summary: 'Stop the server if it runs, and start it',
    examples: ['restart', 'restart config/server.toml', 'restart --set runtime.shards=4'],
  },
  {
    verb: 'status',
    summary: 'Show whether the server runs, where it listens and who is connected',
    examples: ['status', 'status -o json', 'status --set data_path=/var/lib/robustmq'],
  },
  {
    verb: 'reload',
    summary: 'Read the settings again, take over what can change while running, and name what needs a restart',
    examples: ['reload', 'reload config/server.toml', 'reload --set data_path=/var/lib/robustmq'],
  },
];

/** @param args without the interpreter and the script. */
export function parseCommandLine(args: readonly string[], version: string): CommandLine | CommandLineEnd {
  const end = { exitCode: EXIT.ok as number, out: '', err: '' };
  let result: CommandLine | null = null;
  const program = new Command('robust-server')
    .description('RobustMQ: one messaging platform for MQTT, Kafka, AMQP and RocketMQ')
    .version(version, '-V, --version')
    .exitOverride()
    .showHelpAfterError('(robust-server --help shows what there is)')
    .configureOutput({
      writeOut: (text) => {
        end.out += text;
      },
      writeErr: (text) => {
        end.err += text;
      },
    })
    .addHelpText('after', examplesText(['start', 'status', 'stop']));

  for (const { verb, summary, examples } of PAGES) {
    const command = program
      .command(verb)
      .summary(summary)
      .description(summary)
      .argument('[config]', 'settings file; without it the defaults hold')
      .addOption(new Option('--set <section.key=value>', 'one setting; may be repeated').argParser(appendTo))
      .addHelpText('after', examplesText(examples));
    if (verb === 'start') command.option('-f, --foreground', 'stay in the foreground and log to standard output', false);
    if (verb === 'status') {
      command.addOption(new Option('-o, --output <form>', 'table, or json for programs').choices(['table', 'json']).default('table'));
    }
    command.action((config: string | undefined, options: VerbOptions) => {
      result = {
        verb,
        configPath: config ?? null,
        assignments: options.set ?? [],
        isForeground: options.foreground ?? false,
        output: options.output ?? 'table',
      };
    });
  }

  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    end.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return end;
  }
  return result ?? end;
}

export function isCommandLine(parsed: CommandLine | CommandLineEnd): parsed is CommandLine {
  return 'verb' in parsed;
}

function appendTo(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  robust-server ${example}`).join('\n')}`; // The line feed is commander's.
}
