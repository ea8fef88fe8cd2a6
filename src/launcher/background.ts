import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import { loadSettings, type SettingsInput } from '../settings/parse.js';
import { askControl } from './control-client.js';
import { isLocked, makeDataDirectory, readPid, waitForUnlock } from './data-lock.js';

/*
  A server in the background. The starter waits on a pipe for what the new process says of itself:

    starter --spawn--> server: locks, opens, listens --{ready: banner}--> starter prints it and ends
                                  or fails           --{failed: line}---> starter prints it and ends with 1
                                  or dies            --pipe closes------> RMQ-1010

  After that the server talks through its control socket alone; its output goes to data_path/server.log.
*/

const READY_DEADLINE_MS = 30_000;
/** A longer log is set aside at the next start, as server.log.1; the one set aside before is replaced. */
const LOG_BYTES_MAX = 16 * 2 ** 20;
/** Longer than the server's own deadline for a drain. */
const STOP_DEADLINE_MS = 35_000;

export type StartMessage = { readonly ready: string } | { readonly failed: string };

const START_MESSAGE: z.ZodType<StartMessage> = z.union([z.strictObject({ ready: z.string() }), z.strictObject({ failed: z.string() })]);

/** @param args for `node`: script and its arguments. @returns the banner. Throws RMQ-1010, or what the server said (`failed`). */
export async function startInBackground(input: SettingsInput, args: readonly string[]): Promise<StartMessage> {
  const { settings } = loadSettings(input);
  makeDataDirectory(settings.data_path);
  const logPath = join(settings.data_path, 'server.log');
  const child = spawnServer(args, logPath);
  const message = await firstMessage(child, logPath);
  if (child.connected) child.disconnect();
  child.unref();
  return message;
}

function spawnServer(args: readonly string[], logPath: string): ChildProcess {
  let logFile: number;
  try {
    if ((statSync(logPath, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) renameSync(logPath, `${logPath}.1`);
    logFile = openSync(logPath, 'a', 0o640);
  } catch (error) {
    throw new BrokerError('RMQ-1005', `${logPath}: ${systemCodeOf(error)}`, { cause: error });
  }
  try {
    return spawn(process.execPath, args, { detached: true, stdio: ['ignore', logFile, logFile, 'ipc'] });
  } finally {
    closeSync(logFile);
  }
}

function firstMessage(child: ChildProcess, logPath: string): Promise<StartMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new BrokerError('RMQ-1010', `within ${READY_DEADLINE_MS} ms and was ended`, { cure: `Read ${logPath}` }));
    }, READY_DEADLINE_MS);
    child.on('error', (error) => reject(new BrokerError('RMQ-1010', `(${error.message})`, { cause: error })));
    child.on('message', (content) => {
      const message = START_MESSAGE.safeParse(content).data;
      if (message === undefined) return;
      clearTimeout(timer);
      resolve(message);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new BrokerError('RMQ-1010', `(it ended with ${signal ?? code})`, { cure: `Read ${logPath}` })); // Without effect if it was ready before.
    });
  });
}

/** In the new process: tells the starter, if there is one that waits. */
export function tellStarter(message: StartMessage): void {
  process.send?.(message, () => {
    if (process.connected) process.disconnect();
  });
}

/** Ends when the server has ended. Throws RMQ-1009 if none runs, RMQ-1011 if it does not end. @returns its pid, if known. */
export async function stopRunning(dataPath: string): Promise<number | null> {
  const pid = readPid(dataPath); // Before it ends: it takes the file away.
  if ((await askControl(dataPath, { verb: 'stop' }, 5000)) === null && !(await isLocked(dataPath))) throw notRunning(dataPath);
  if (!(await waitForUnlock(dataPath, STOP_DEADLINE_MS))) {
    throw new BrokerError('RMQ-1011', `(pid ${pid ?? 'unknown'}, ${STOP_DEADLINE_MS} ms)`);
  }
  return pid;
}

export function notRunning(dataPath: string): BrokerError {
  return new BrokerError('RMQ-1009', `(no broker has ${dataPath})`);
}
