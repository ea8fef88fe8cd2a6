import { InvalidArgumentError, Option } from 'commander';
import type { NodeClient } from './node-client.js';
import type { Terminal } from './terminal.js';

/*
  A verb of robust-ctl that is one piece: what it takes, what its help says, and what it does. A new one is a file in a folder beside this one and
  a line in the folder's group.
*/

/** What a verb works with. */
export interface RunCall {
  readonly node: NodeClient;
  readonly form: 'table' | 'json';
  readonly terminal: Terminal;
}

/** F: its own flags, as commander names them. */
export interface VerbPlan<F extends object> {
  readonly verb: string;
  readonly summary: string;
  readonly description?: string;
  /** `<topic>` is needed, `[message]` is not. */
  readonly args: readonly string[];
  readonly options: readonly Option[];
  /** Without `robust-ctl`. */
  readonly examples: readonly [string, string, string];
  /** What is wrong with the arguments and flags together, in words; null: nothing. */
  readonly faultOf?: (args: readonly string[], flags: F) => string | null;
  /** @returns the exit code. */
  readonly run: (call: RunCall, args: readonly string[], flags: F) => Promise<number>;
}

/** Any verb, whatever its flags are. */
export interface Verb extends Omit<VerbPlan<never>, 'faultOf' | 'run'> {
  /** @returns what is wrong with the arguments in words, or what does it. */
  readonly prepare: (args: readonly string[], given: unknown) => string | ((call: RunCall) => Promise<number>);
}

/** Verbs about one thing. */
export interface VerbGroup {
  readonly topic: string;
  readonly summary: string;
  readonly verbs: readonly Verb[];
  readonly groups?: readonly VerbGroup[];
}

export function verb<F extends object>({ faultOf, run, ...page }: VerbPlan<F>): Verb {
  return {
    ...page,
    prepare: (args, given) => {
      const flags = given as F; // Commander gives what `options` say.
      return faultOf?.(args, flags) ?? ((call) => run(call, args, flags));
    },
  };
}

/*
  Options that several verbs have. They are made anew for each: commander keeps values in them.
*/

export interface YesFlag {
  readonly yes?: boolean;
}

export function yes(): Option {
  return new Option('-y, --yes', 'do not ask');
}

export interface TenantFlag {
  readonly tenant: string;
}

export function tenant(): Option {
  return new Option('--tenant <name>', 'tenant').default('default');
}

export interface LimitFlag {
  readonly limit: number;
}

export function limit(): Option {
  return new Option('--limit <count>', 'at most so many').argParser(wholeNumber).default(100);
}

export function pattern(flags: string, what: string): Option {
  return new Option(flags, `${what} like this; * and ? stand for any`).default('');
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('It is no whole number.');
  return value;
}

export function qosNumber(text: string): 0 | 1 | 2 {
  if (text === '0') return 0;
  if (text === '1') return 1;
  if (text === '2') return 2;
  throw new InvalidArgumentError('It is 0, 1 or 2.');
}

/** May be repeated, and take several with commas between them. */
export function appendList(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), ...text.split(',').map((part) => part.trim())];
}
