import { BrokerError } from '../base/errors.js';
import { PRODUCT_VERSION } from '../base/version.js';
import { loadSettings, type SettingsInput } from '../settings/parse.js';
import { notRunning, startInBackground, stopRunning, tellStarter } from './background.js';
import { type CommandLine, EXIT, isCommandLine, parseCommandLine } from './command-line.js';
import { askControl } from './control-client.js';
import type { StartNode } from './ports.js';
import { errorText, ServerProcess } from './serve.js';
import { RELOAD_REPORT, STATUS_REPORT, statusTable } from './status-page.js';

/** One run of robust-server. */
export interface Run {
  /** Arguments without the interpreter and the script. */
  readonly args: readonly string[];
  /** The script that was started; a server in the background is started from it again. */
  readonly scriptPath: string;
  readonly startNode: StartNode;
}

/** Does what the arguments say. Errors are written to standard error, and told to a starter that waits. @returns the exit code. */
export async function runCommand(run: Run): Promise<number> {
  try {
    return await runVerb(run);
  } catch (error) {
    const text = errorText(error);
    process.stderr.write(text);
    tellStarter({ failed: text });
    return error instanceof BrokerError && error.code === 'RMQ-1009' ? EXIT.unreachable : EXIT.failure;
  }
}

const CONTROL_DEADLINE_MS = 10_000;
const LINGER_MS = 1000;

async function runVerb(run: Run): Promise<number> {
  const parsed = parseCommandLine(run.args, PRODUCT_VERSION);
  if (!isCommandLine(parsed)) {
    process.stdout.write(parsed.out);
    process.stderr.write(parsed.err);
    return parsed.exitCode;
  }
  const input: SettingsInput = { configPath: parsed.configPath, assignments: parsed.assignments };
  switch (parsed.verb) {
    case 'start':
      return parsed.isForeground ? serveHere(input, run.startNode) : startBehind(input, parsed, run.scriptPath);
    case 'stop':
      return stop(input);
    case 'restart':
      await stop(input).catch((error: unknown) => {
        if (!(error instanceof BrokerError && error.code === 'RMQ-1009')) throw error; // None ran: there is nothing to stop.
      });
      return startBehind(input, parsed, run.scriptPath);
    case 'status':
      return showStatus(input, parsed.output);
    case 'reload':
      return reload(input);
  }
}

async function serveHere(input: SettingsInput, startNode: StartNode): Promise<number> {
  const isTerminal = process.stdout.isTTY === true;
  const hasStarter = process.send !== undefined;
  const exitCode = await ServerProcess.run({
    input,
    version: PRODUCT_VERSION,
    startNode,
    isTerminal,
    howToStop: hasStarter ? '`robust-server stop` ends it' : 'Ctrl-C to stop',
    startedAtMs: performance.timeOrigin,
    onReady: (text) => {
      if (isTerminal) process.stdout.write(text);
      tellStarter({ ready: text });
    },
  });
  // All is closed. A handle that somebody forgot must not keep a stopped server alive; without one this timer does not either.
  setTimeout(() => process.exit(exitCode), LINGER_MS).unref();
  return exitCode;
}

async function startBehind(input: SettingsInput, { configPath, assignments }: CommandLine, scriptPath: string): Promise<number> {
  const options = assignments.flatMap((assignment) => ['--set', assignment]);
  const config = configPath === null ? [] : [configPath];
  const message = await startInBackground(input, [scriptPath, 'start', '--foreground', ...options, ...config]);
  if ('ready' in message) process.stdout.write(message.ready);
  else process.stderr.write(message.failed);
  return 'ready' in message ? EXIT.ok : EXIT.failure;
}

async function stop(input: SettingsInput): Promise<number> {
  const pid = await stopRunning(loadSettings(input).settings.data_path);
  process.stdout.write(`stopped${pid === null ? '' : ` (pid ${pid})`}\n`);
  return EXIT.ok;
}

async function showStatus(input: SettingsInput, output: 'table' | 'json'): Promise<number> {
  const report = STATUS_REPORT.parse(await ask(input, 'status'));
  const isTerminal = process.stdout.isTTY === true;
  process.stdout.write(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : statusTable(report, isTerminal));
  return EXIT.ok;
}

async function reload(input: SettingsInput): Promise<number> {
  const { applied, needRestart, refused } = RELOAD_REPORT.parse(await ask(input, 'reload'));
  const lines = [
    ...(applied.length > 0 ? [`taken over: ${applied.join(', ')}`] : []),
    ...(needRestart.length > 0 ? [`changed, and in force after a restart: ${needRestart.join(', ')}`] : []),
    ...refused.map((line) => `not taken over, the old ones stay in force: ${line}`),
  ];
  process.stdout.write(`${lines.length === 0 ? 'nothing changed' : lines.join('\n')}\n`);
  return refused.length === 0 ? EXIT.ok : EXIT.failure;
}

async function ask(input: SettingsInput, verb: 'status' | 'reload'): Promise<unknown> {
  const dataPath = loadSettings(input).settings.data_path;
  const answer = await askControl(dataPath, { verb }, CONTROL_DEADLINE_MS);
  if (answer === null) throw notRunning(dataPath);
  return answer.body;
}
