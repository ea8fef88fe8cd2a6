import { z } from 'zod';
import { SETTINGS_SCHEMA } from './schema.js';

/*
  Settings come in layers; a layer is a flat list of `path = value`. This file knows the paths of the schema and turns each kind of
  source into a layer. What it cannot place it reports as a problem, and goes on, so that one run shows every mistake.

    TOML table --------> fromTable   mqtt.tcp.port = 1884
    environment -------> fromEnvironment   ROBUST_MQ_SERVER_MQTT_TCP_PORT=1884
    --set a.b=c -------> fromAssignment
*/

export type SourceKind = 'default' | 'file' | 'override' | 'environment' | 'set';

/** Where a value comes from: kind, and file:line:column, variable or argument; empty for defaults. */
export interface SettingSource {
  readonly kind: SourceKind;
  readonly where: string;
}

export interface LayerEntry {
  readonly path: string;
  readonly value: unknown;
  readonly source: SettingSource;
}

/** What is wrong, and where: `config/server.toml:12:1`. */
export interface Problem {
  readonly where: string;
  readonly what: string;
}

export interface Layer {
  readonly entries: LayerEntry[];
  readonly problems: Problem[];
}

export type LeafKind = 'boolean' | 'integer' | 'list' | 'tables' | 'text';

export const ENVIRONMENT_PREFIX = 'ROBUST_MQ_SERVER_';

/** Every setting that has a value, with the form of its value. */
export const LEAF_KINDS: ReadonlyMap<string, LeafKind> = collectLeaves();

const TABLES: ReadonlySet<string> = new Set([...LEAF_KINDS.keys()].flatMap(prefixesOf));

/** Both spellings: dots as one underscore, and as two. */
const PATH_BY_VARIABLE: ReadonlyMap<string, string> = new Map(
  [...LEAF_KINDS.keys()].flatMap((path) => [
    [variableOf(path, '_'), path],
    [variableOf(path, '__'), path],
  ]),
);

function variableOf(path: string, separator: string): string {
  return ENVIRONMENT_PREFIX + path.toUpperCase().replaceAll('.', separator);
}

function prefixesOf(path: string): string[] {
  const parts = path.split('.');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

function collectLeaves(): Map<string, LeafKind> {
  const leaves = new Map<string, LeafKind>();
  const walk = (schema: z.core.JSONSchema.BaseSchema, path: string): void => {
    if (schema.type === 'object') {
      for (const [key, child] of Object.entries(schema.properties ?? {})) {
        if (typeof child === 'object') walk(child, path === '' ? key : `${path}.${key}`);
      }
      return;
    }
    if (schema.type === 'boolean') leaves.set(path, 'boolean');
    else if (schema.type === 'integer') leaves.set(path, 'integer');
    else if (schema.type !== 'array') leaves.set(path, 'text');
    else leaves.set(path, isTable(schema.items) ? 'tables' : 'list');
  };
  walk(z.toJSONSchema(SETTINGS_SCHEMA, { io: 'input' }), '');
  return leaves;
}

function isTable(items: z.core.JSONSchema.BaseSchema['items']): boolean {
  if (typeof items !== 'object' || Array.isArray(items)) return false;
  return items.type === 'object' || [...(items.anyOf ?? []), ...(items.oneOf ?? [])].some(isTable); // One of several forms of tables.
}

/** A parsed TOML file. @param whereOf finds line and column of a path in it. */
export function fromTable(table: object, source: SettingSource, whereOf: (path: string) => string): Layer {
  const layer: Layer = { entries: [], problems: [] };
  const walk = (node: object, prefix: string): void => {
    for (const [key, value] of Object.entries(node)) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      if (LEAF_KINDS.has(path)) layer.entries.push({ path, value, source: { ...source, where: whereOf(path) } });
      else if (!TABLES.has(path)) layer.problems.push({ where: whereOf(path), what: unknownKey(path) });
      else if (typeof value === 'object' && value !== null && !Array.isArray(value)) walk(value, path);
      else layer.problems.push({ where: whereOf(path), what: `${path} is a table: write [${path}] and its keys below it` });
    }
  };
  walk(table, '');
  return layer;
}

/** Variables that begin with the prefix must be settings: a misspelt one would otherwise be lost in silence. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Layer {
  const layer: Layer = { entries: [], problems: [] };
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    const path = PATH_BY_VARIABLE.get(variable);
    if (path === undefined) {
      const near = nearest(variable, PATH_BY_VARIABLE.keys());
      layer.problems.push({ where: 'environment', what: `unknown variable ${variable}${near === null ? '' : `; did you mean ${near}?`}` });
      continue;
    }
    layer.entries.push({ path, value: typedValue(path, text), source: { kind: 'environment', where: variable } });
  }
  return layer;
}

/** One `--set path=value`. */
export function fromAssignment(assignment: string): Layer {
  const layer: Layer = { entries: [], problems: [] };
  const where = `--set ${assignment}`;
  const equals = assignment.indexOf('=');
  const path = assignment.slice(0, equals === -1 ? undefined : equals).trim();
  if (equals === -1) layer.problems.push({ where, what: 'has the form section.key=value' });
  else if (LEAF_KINDS.has(path)) {
    layer.entries.push({ path, value: typedValue(path, assignment.slice(equals + 1).trim()), source: { kind: 'set', where } });
  } else layer.problems.push({ where, what: TABLES.has(path) ? `${path} is a table: set one of its keys` : unknownKey(path) });
  return layer;
}

function unknownKey(path: string): string {
  const near = nearest(path, [...LEAF_KINDS.keys(), ...TABLES]);
  return `unknown key ${path}${near === null ? '' : `; did you mean ${near}?`}`;
}

/** A text as the setting wants it. What does not fit stays text, and the schema says what is wrong with it. */
function typedValue(path: string, text: string): unknown {
  switch (LEAF_KINDS.get(path)) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    case 'list':
      return text.split(',').map((part) => part.trim());
    case 'tables':
      return parsedJson(text);
    default:
      return text;
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // The schema says what it wants.
  }
}

/** The candidate with the fewest edits, if these are few enough to be a slip; null if none. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein: insertions, deletions and replacements. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const nextRow = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const replaced = row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1);
      nextRow.push(Math.min(replaced, row[j] + 1, nextRow[j - 1] + 1));
    }
    row = nextRow;
  }
  return row[right.length];
}
