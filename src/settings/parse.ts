import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { relative, resolve } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import { faultsOfAuth, takesAnonymous } from './auth-schema.js';
import { faultsOfBridges } from './bridge-schema.js';
import { faultsOfStream } from './journal-schema.js';
import {
  fromAssignment,
  fromEnvironment,
  fromTable,
  type Layer,
  type LayerEntry,
  LEAF_KINDS,
  type Problem,
  type SettingSource,
} from './layers.js';
import { faultsOfListeners, listenerNamesOf, listenersOf } from './listener-schema.js';
import { faultOfRoles, faultsOfMetadata } from './metadata-schema.js';
import { DATA_PATH_DEFAULT, SETTINGS_SCHEMA, type Settings } from './schema.js';
import { locateKeys } from './toml-positions.js';

/*
  The one reader of settings: files, environment and arguments. Later layers win:

    defaults < file < data_path/override.toml < environment < --set
*/

export interface SettingsInput {
  /** Settings file, or null for none. */
  readonly configPath: string | null;
  /** Arguments of `--set`, in order. */
  readonly assignments: readonly string[];
  /** Defaults to that of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What relative paths are relative to; defaults to that of the process. */
  readonly workingDirectory?: string;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** By path: `mqtt.tcp.port`. Every setting has one. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** Files that were read, as shown to people. */
  readonly files: readonly string[];
}

const DEFAULT_SOURCE: SettingSource = { kind: 'default', where: '' };

/** Reads every layer, checks the whole, and throws RMQ-1001, RMQ-1002 or RMQ-1012 with all problems at once. */
export function loadSettings(input: SettingsInput): LoadedSettings {
  const workingDirectory = input.workingDirectory ?? process.cwd();
  const environment = fromEnvironment(input.environment ?? process.env);
  const assignments = input.assignments.map(fromAssignment);
  const file = input.configPath === null ? null : readLayer(resolve(workingDirectory, input.configPath), 'file', workingDirectory);
  if (input.configPath !== null && file === null) {
    throw new BrokerError('RMQ-1001', `from ${input.configPath}: there is no such file`);
  }

  // data_path says where the override file is, so it is read from the other layers first and cannot stand in that file.
  const others = [file, environment, ...assignments].filter((layer) => layer !== null);
  const dataPath = [...others].reverse().flatMap((layer) => layer.entries.filter((entry) => entry.path === 'data_path'))[0];
  const overrideDirectory = typeof dataPath?.value === 'string' ? dataPath.value : DATA_PATH_DEFAULT;
  const override = readLayer(resolve(workingDirectory, overrideDirectory, 'override.toml'), 'override', workingDirectory);
  if (override !== null) refuseDataPath(override);

  const layers = [file, override, environment, ...assignments].filter((layer) => layer !== null);
  const winners = new Map<string, LayerEntry>();
  for (const layer of layers) for (const entry of layer.entries) winners.set(entry.path, entry);
  const problems = layers.flatMap((layer) => layer.problems);

  const sources = new Map<string, SettingSource>();
  for (const path of LEAF_KINDS.keys()) sources.set(path, winners.get(path)?.source ?? DEFAULT_SOURCE);
  const checked = SETTINGS_SCHEMA.safeParse(nest(winners.values()));
  for (const issue of checked.error?.issues ?? []) {
    const path = pathOfIssue(issue.path);
    const place = LEAF_KINDS.get(path) === 'tables' ? issue.path.map(String).join('.') : path;
    problems.push({ where: sources.get(path)?.where ?? '', what: `${place}: ${issue.message.replace(/^Invalid (input|option): /, '')}` });
  }
  if (checked.data === undefined || problems.length > 0) throw problemsError(problems);

  const settings: Settings = { ...checked.data, data_path: resolve(workingDirectory, checked.data.data_path) };
  const contradictions = findContradictions(settings, sources);
  if (contradictions.length > 0) throw problemsError(contradictions);
  refuseOpenDoors(settings);
  const files = [file, override].filter((layer) => layer !== null).map((layer) => layer.shownPath);
  return { settings, sources, files };
}

interface FileLayer extends Layer {
  readonly shownPath: string;
}

/** @returns null if the file does not exist. */
function readLayer(path: string, kind: 'file' | 'override', workingDirectory: string): FileLayer | null {
  const fromHere = relative(workingDirectory, path);
  const shownPath = fromHere.startsWith('..') ? path : fromHere;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw new BrokerError('RMQ-1001', `from ${shownPath}: ${systemCodeOf(error)}`, { cause: error });
  }
  let table: object;
  try {
    table = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0].replace(/^Invalid TOML document: /, '');
    throw problemsError([{ where: `${shownPath}:${error.line}:${error.column}`, what: reason }]);
  }
  const positionOf = locateKeys(text);
  const whereOf = (settingPath: string): string => {
    const position = positionOf(settingPath);
    return position === '' ? shownPath : `${shownPath}:${position}`;
  };
  return { ...fromTable(table, { kind, where: shownPath }, whereOf), shownPath };
}

function refuseDataPath(override: Layer): void {
  const entry = override.entries.find((candidate) => candidate.path === 'data_path');
  if (entry !== undefined)
    override.problems.push({ where: entry.source.where, what: 'data_path cannot be set by a file inside data_path' });
}

/** `a.b.c = 1` as { a: { b: { c: 1 } } }. */
function nest(entries: Iterable<LayerEntry>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const { path, value } of entries) {
    const parts = path.split('.');
    let node = root;
    for (const part of parts.slice(0, -1)) {
      const known = node[part];
      const child: Record<string, unknown> = isTable(known) ? known : {};
      node[part] = child;
      node = child;
    }
    node[parts[parts.length - 1]] = value;
  }
  return root;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An issue in an element of a list is one of the list. */
function pathOfIssue(path: readonly PropertyKey[]): string {
  let joined = path.map(String).join('.');
  while (!LEAF_KINDS.has(joined) && joined.includes('.')) joined = joined.slice(0, joined.lastIndexOf('.'));
  return joined;
}

/** What each value may be alone, but not together. */
function findContradictions(settings: Settings, sources: ReadonlyMap<string, SettingSource>): Problem[] {
  const problems: Problem[] = [];
  const report = (path: string, what: string): void => {
    problems.push({ where: sources.get(path)?.where ?? '', what: `${path}: ${what}` });
  };
  const { mqtt } = settings;
  if (mqtt.output_low_mark >= mqtt.output_high_mark) report('mqtt.output_low_mark', 'must be below mqtt.output_high_mark');
  if (mqtt.output_high_mark >= mqtt.output_bytes_max) report('mqtt.output_high_mark', 'must be below mqtt.output_bytes_max');
  if (mqtt.packet_bytes_max >= mqtt.output_bytes_max) report('mqtt.packet_bytes_max', 'must be below mqtt.output_bytes_max');
  for (const [path, what] of faultsOfListeners(mqtt)) report(path, what);
  const names = new Set<string>();
  for (const stream of settings.streams) {
    const { name } = stream;
    if (names.has(name)) report('streams', `"${name}" is there twice`);
    names.add(name);
    for (const fault of faultsOfStream(stream)) report('streams', `"${name}": ${fault}`);
  }
  const { node, metadata, grpc } = settings;
  const roleFault = faultOfRoles(settings.roles);
  if (roleFault !== null) report('roles', roleFault);
  if (metadata.peers.length > 0 && !settings.roles.includes('meta')) report('metadata.peers', 'first voters have the role meta');
  for (const [path, what] of faultsOfMetadata(node.id, metadata, grpc, isLoopback(grpc.host))) report(path, what);
  for (const [path, what] of faultsOfAuth(settings.auth, listenerNamesOf(mqtt))) report(path, what);
  for (const [path, what] of faultsOfBridges(mqtt.bridges)) report(path, what);
  return problems;
}

/** To let everybody in from beyond this machine must be written out. */
function refuseOpenDoors(settings: Settings): void {
  const { auth, security } = settings;
  if (security.profile === 'open') return;
  for (const { name, kind, host } of listenersOf(settings.mqtt)) {
    if (kind !== 'unix' && !isLoopback(host) && takesAnonymous(auth, security.profile, name))
      throw new BrokerError('RMQ-1012', `(${name}.host = "${host}")`);
  }
}

/** True for addresses that only this machine reaches. A name other than localhost could mean anything. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}

function problemsError(problems: readonly Problem[]): BrokerError {
  const lines = problems.map(({ where, what }) => (where === '' ? what : `${where}: ${what}`));
  const detail = lines.length === 1 ? `(${lines[0]})` : `(${lines.length} problems)\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new BrokerError('RMQ-1002', detail);
}
