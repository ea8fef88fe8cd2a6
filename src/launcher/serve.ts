import picocolors from 'picocolors';
import { BrokerError, describeError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import { changesBetween, settingAt } from '../settings/changes.js';
import { type LoadedSettings, loadSettings, type SettingsInput } from '../settings/parse.js';
import { shownSetting } from '../settings/secrets.js';
import { LogOutput, openLog } from '../telemetry/log.js';
import { banner } from './banner.js';
import { EXIT } from './command-line.js';
import { openControlServer } from './control-server.js';
import { type DataLock, lockDataDirectory } from './data-lock.js';
import type { RunningNode, StartNode } from './ports.js';
import type { ReloadReport, StatusReport } from './status-page.js';

/** A drain that takes longer is cut off: the supervisor above us would do the same, less politely. */
const STOP_DEADLINE_MS = 30_000;

export interface ServeOptions {
  readonly input: SettingsInput;
  readonly version: string;
  readonly startNode: StartNode;
  readonly isTerminal: boolean;
  readonly howToStop: string;
  /** Called with the banner when all listeners are open. */
  readonly onReady: (text: string) => void;
  readonly startedAtMs: number;
}

/** One server in this process, from its settings to its end. */
export class ServerProcess {
  readonly #options: ServeOptions;
  readonly #log: Logger;
  readonly #logOutput: LogOutput;
  readonly #lock: DataLock;
  #loaded: LoadedSettings;
  #state: StatusReport['state'] = 'starting';
  #node: RunningNode | null = null;
  #exitCode: number = EXIT.ok;
  #stopReason = '';
  #wakeStop: () => void = () => {};

  private constructor(options: ServeOptions, loaded: LoadedSettings, lock: DataLock) {
    const { log } = loaded.settings;
    const format = log.format === 'auto' ? (options.isTerminal ? 'pretty' : 'json') : log.format;
    this.#options = options;
    this.#loaded = loaded;
    this.#lock = lock;
    this.#logOutput = new LogOutput(log.level, format, options.isTerminal && picocolors.isColorSupported);
    this.#log = openLog(this.#logOutput, format === 'json' ? { node: loaded.settings.node.id } : {});
  }

  /** Runs the server until it is told to stop. @returns the exit code. Throws BrokerError if it does not start; nothing stays open then. */
  static async run(options: ServeOptions): Promise<number> {
    const loaded = loadSettings(options.input);
    const lock = await lockDataDirectory(loaded.settings.data_path);
    try {
      return await new ServerProcess(options, loaded, lock).#serve();
    } finally {
      lock.release();
    }
  }

  async #serve(): Promise<number> {
    const stopAsked = new Promise<void>((resolve) => {
      this.#wakeStop = resolve;
    });
    const control = await openControlServer(this.#loaded.settings.data_path, {
      status: () => this.#report(),
      reload: () => this.#reload('control socket'),
      stop: () => this.#beginStop('control'),
      ask: (question) => {
        if (this.#node === null) throw new BrokerError('RMQ-1024', '(the server is still starting)');
        return this.#node.query(question);
      },
    });
    const removeSignals = this.#listenToSignals();
    try {
      this.#log.info('server.starting', 'starting', { version: this.#options.version, pid: process.pid, nodeVersion: process.version });
      const node = await this.#options.startNode(this.#loaded.settings, this.#log);
      this.#node = node;
      node.onFatal = (error) => this.#fail(error);
      this.#announce(node);
      await stopAsked;
      await this.#drain(node);
      return this.#exitCode;
    } finally {
      removeSignals();
      control.close();
    }
  }

  #announce(node: RunningNode): void {
    if (this.#state !== 'starting') return; // Told to stop while it started.
    this.#state = 'ready';
    const loaded = this.#loaded;
    const options = this.#options;
    const readyMs = Math.round(performance.now() + performance.timeOrigin - options.startedAtMs);
    const text = banner({ version: options.version, node, loaded, readyMs, howToStop: options.howToStop });
    if (this.#logOutput.format === 'json') {
      for (const { name, url, host, port } of node.listeners)
        this.#log.info('listener.ready', `listening on ${url}`, { name, url, host, port });
      if (node.grpcAddress !== '')
        this.#log.info('listener.ready', `listening on ${node.grpcAddress}`, { name: 'grpc', url: node.grpcAddress });
      const http = `http://${node.httpAddress}`;
      if (node.httpAddress !== '') this.#log.info('listener.ready', `listening on ${http}`, { name: 'http', url: http });
      this.#log.info('server.ready', 'ready', { ms: readyMs, shards: node.shardCount, transport: node.transportKind });
    }
    options.onReady(text);
  }

  async #drain(node: RunningNode): Promise<void> {
    this.#log.info('server.stopping', 'stopping', { reason: this.#stopReason, connections: node.connections() });
    const beganMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new BrokerError('RMQ-1011', `(${STOP_DEADLINE_MS} ms)`)), STOP_DEADLINE_MS);
    });
    try {
      await Promise.race([node.stop(), deadline]);
    } finally {
      clearTimeout(timer);
    }
    this.#log.info('server.stopped', 'bye', { ms: Math.round(performance.now() - beganMs) });
  }

  #beginStop(reason: string): void {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    this.#stopReason = reason;
    this.#wakeStop();
  }

  /** Something that nobody can recover from: end in order as far as that goes, and say so by the exit code. */
  #fail(error: unknown): void {
    this.#log.fatal('server.failed', 'the server cannot go on', { error: new BrokerError('RMQ-1014', '', { cause: error }) });
    this.#exitCode = EXIT.failure;
    this.#beginStop('failure');
  }

  /** The first SIGTERM or SIGINT drains, the second ends at once. SIGHUP reloads. @returns what takes the listeners away. */
  #listenToSignals(): () => void {
    const onStop = (signal: NodeJS.Signals): void => {
      if (this.#state === 'stopping') {
        this.#log.warn('server.forced', 'told to stop a second time: ending without waiting', { signal });
        this.#lock.release();
        process.exit(EXIT.failure); // The node closes on `exit` what must not be open when threads end.
      }
      this.#beginStop(signal);
    };
    const onReload = (): void => {
      try {
        this.#reload('SIGHUP');
      } catch (error) {
        this.#log.error('settings.refused', 'the settings stay as they were', { error });
      }
    };
    const onBug = (error: unknown): void => {
      this.#log.fatal('server.crashed', 'a bug in this program ends it', { error: new BrokerError('RMQ-1014', '', { cause: error }) });
      this.#lock.release();
      process.exit(EXIT.failure);
    };
    process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGHUP', onReload).on('uncaughtException', onBug);
    return () => {
      process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGHUP', onReload).off('uncaughtException', onBug);
    };
  }

  /** Reads the settings again. All are checked before any is taken over; on an error the old ones stay. */
  #reload(by: string): ReloadReport {
    try {
      const report = this.#takeOverSettings();
      this.#node?.noteReload(by, report);
      return report;
    } catch (error) {
      this.#node?.noteReload(by, { error: describeError(error) });
      throw error;
    }
  }

  #takeOverSettings(): ReloadReport {
    const loaded = loadSettings(this.#options.input);
    const changes = changesBetween(this.#loaded.settings, loaded.settings);
    const applied = changes.filter((change) => change.isHot).map((change) => change.path);
    const needRestart = changes.filter((change) => !change.isHot).map((change) => change.path);
    this.#logOutput.level = loaded.settings.log.level;
    // What needs a restart keeps its old value here, so that status and the next reload speak of what is in force.
    const { level } = loaded.settings.log;
    const { settings, sources, files } = this.#loaded;
    const levelSource = loaded.sources.get('log.level') ?? { kind: 'default', where: '' };
    this.#loaded = {
      settings: { ...settings, log: { ...settings.log, level } },
      sources: new Map([...sources, ['log.level', levelSource]]),
      files,
    };
    const refused: string[] = [];
    for (const { listener, fault } of this.#node?.certificates.reload() ?? []) {
      if (fault === null) applied.push(`certificates of ${listener}`);
      else refused.push(`${listener}: ${fault.line}`);
    }
    this.#log.info('settings.reloaded', 'settings read again', { applied, needRestart, refused });
    return { applied, needRestart, refused };
  }

  #report(): StatusReport {
    const { settings, sources, files } = this.#loaded;
    const node = this.#node;
    const described: Record<string, { value: unknown; source: string; where: string }> = {};
    for (const [path, { kind, where }] of sources)
      described[path] = { value: shownSetting(path, settingAt(settings, path)), source: kind, where };
    return {
      state: this.#state,
      pid: process.pid,
      version: this.#options.version,
      nodeVersion: process.version,
      nodeId: settings.node.id,
      uptimeMs: Math.round(process.uptime() * 1000),
      dataPath: settings.data_path,
      configFiles: files,
      listeners: (node?.listeners ?? []).map(({ name, url, host, port }) => ({ name, url, host, port })),
      shards: node?.shardCount ?? 0,
      connections: node?.connections() ?? 0,
      transport: node?.transportKind ?? 'none yet',
      webSocketEngine: node?.webSocketEngine ?? 'none yet',
      grpcAddress: node?.grpcAddress ?? '',
      httpAddress: node?.httpAddress ?? '',
      settings: described,
      node: node?.status() ?? null,
    };
  }
}

/** Writes an error for the operator: one or few lines, code first. */
export function errorText(error: unknown): string {
  if (error instanceof BrokerError) return `${error.line}\n`;
  return `${error instanceof Error && error.name !== 'RemoteError' ? (error.stack ?? error.message) : describeError(error)}\n`;
}
