import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ERROR_TABLE } from '../src/base/errors.js';
import { PRODUCT_VERSION } from '../src/base/version.js';

/*
  House rules that a machine can check. Each failure names the file and what to do. An exception has its reason beside it.
*/

const FILE_LINES_MAX = 400;

/** Files longer than that, and why each is one piece. */
const LONG_FILES: Readonly<Record<string, string>> = {};

/** Files and folders that no entry reaches yet, and who will. */
const WAITING_FILES: Readonly<Record<string, string>> = {
  'src/journal/batch/validate.ts': 'Kafka producers send whole batches: Produce checks them with it',
};

/** What a room may import, beside its own files. `*ports` is any `ports.ts`; `*` is everything below the entries. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ['base'],
  raft: ['base', 'wire'],
  native: ['base'],
  settings: ['base'],
  telemetry: ['base'],
  launcher: ['base', 'settings', 'telemetry', 'admin'], // admin: the questions that robust-ctl asks.
  ring: ['base', 'native', 'telemetry'],
  transport: ['base', 'wire', 'native', 'telemetry'],
  storage: ['base', 'wire', 'native', 'telemetry'],
  journal: ['base', 'wire', 'native', 'raft', 'storage', 'telemetry'],
  metadata: ['base', 'wire', 'raft', 'storage', 'telemetry'],
  broker: ['base', 'wire', 'journal', 'telemetry', '*ports'],
  auth: ['base', 'wire', 'telemetry', 'settings', '*ports'],
  protocols: ['base', 'wire', 'telemetry', '*ports'],
  connectors: ['base', 'wire', 'telemetry', '*ports'],
  rules: ['base', 'wire', 'telemetry', '*ports'],
  admin: ['base', 'wire', 'telemetry', 'settings', '*ports'],
  runtime: ['*'],
  workers: ['base', 'settings', 'runtime'],
  main: ['base', 'settings', 'runtime', 'launcher'],
  'bench/robust-bench': ['base', 'wire', 'native', 'transport', 'settings'], // settings: units of its flags.
  'bench/macro': [
    'base',
    'wire',
    'native',
    'storage',
    'journal',
    'metadata',
    'raft',
    'runtime',
    'settings',
    'transport',
    'bench/robust-bench',
  ],
  'bench/micro': ['*', 'bench/robust-bench'], // Measures one function of any room.
  test: ['*', 'bench/robust-bench', 'bench/macro', 'bench/micro', 'launcher', 'main'],
};

/** Tests of a whole broker: they mirror no room. */
const OF_THE_WHOLE = [
  'bench',
  'clients',
  'cluster',
  'durability',
  'protocols/mqtt/conformance',
  'protocols/mqtt/statements',
  'resilience',
  'simulation',
];

/** What bin/proto.js makes has the style of its generator. */
const GENERATED = 'src/metadata/grpc/generated/';

const ENTRIES = ['src/main.ts', 'src/ctl.ts', 'bench/robust-bench/main.ts', 'bench/micro/run.ts', 'bench/micro/topic-trie-memory.ts'];

const FORBIDDEN_WORDS = /util|helper|manager|handler|service|common|misc/i;

interface Source {
  /** From the root: `src/base/errors.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text without comments and without what is inside quotes. */
  readonly code: string;
  /** Files of ours it imports, and those of them it needs when it runs. */
  readonly imports: readonly string[];
  readonly runtimeImports: readonly string[];
  /** Files that it starts in another thread or process: no import, but they are in use. */
  readonly starts: readonly string[];
}

/** Comments, quoted text and regular expressions; the last only where an operand can begin. */
const NOT_CODE =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?[]\s*|return\s+)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

const ROOT = findRoot();
const SOURCES: readonly Source[] = ['src', 'workers', 'bench', 'test'].flatMap((folder) => listFiles(folder, '.ts')).map(readSource);
/** Written by hand: by our rules. */
const WRITTEN = SOURCES.filter(({ path }) => !path.startsWith(GENERATED));
const BY_PATH: ReadonlyMap<string, Source> = new Map(SOURCES.map((source) => [source.path, source]));
const PRODUCT = SOURCES.filter((source) => !source.path.startsWith('test/'));

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function listFiles(folder: string, ending: string): string[] {
  const full = join(ROOT, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const imports: string[] = [];
  const runtimeImports: string[] = [];
  const starts: string[] = [];
  const statements =
    /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'(\.[^']+)';|\bimport\('(\.[^']+)'\)|new URL\('(\.[^']+\.js)', import\.meta\.url\)/gm;
  for (const match of text.matchAll(statements)) {
    const target = join(dirname(path), (match[2] ?? match[3] ?? match[4]).replace(/\.js$/, '.ts'));
    if (match[4] !== undefined) {
      starts.push(target);
      continue;
    }
    imports.push(target);
    const isTypeOnly = match[1] !== undefined || /^import\s+\{\s*(?:type\s+[^,}]+,?\s*)+\}/.test(match[0]);
    if (!isTypeOnly) runtimeImports.push(target);
  }
  return { path, text, code: text.replace(NOT_CODE, "''"), imports, runtimeImports, starts };
}

function roomOf(path: string): string {
  const parts = path.split('/');
  if (path === 'src/main.ts' || path === 'src/ctl.ts') return 'main';
  if (parts[0] === 'src') return parts[1];
  return parts[0] === 'bench' ? `bench/${parts[1]}` : parts[0];
}

/** Protocols are siblings: `protocols/mqtt` does not see `protocols/kafka`. */
function houseOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' && parts[1] === 'protocols' && parts.length > 3 ? `protocols/${parts[2]}` : roomOf(path);
}

function mayImport(from: string, to: string): boolean {
  if (houseOf(from) === houseOf(to)) return true;
  const allowed = ROOMS[roomOf(from)] ?? [];
  if (allowed.includes(roomOf(to)) && roomOf(to) !== 'protocols') return true;
  if (allowed.includes('*ports') && basename(to) === 'ports.ts') return true;
  return allowed.includes('*') && to.startsWith('src/') && !['main', 'launcher'].includes(roomOf(to));
}

function expectNone(found: readonly string[], rule: string): void {
  if (found.length > 0) assert.fail(`${rule}:\n  ${found.join('\n  ')}`);
}

function linesWith(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap(({ path, code }) => (pattern.test(code) ? [`${path}: ${pattern.exec(code)?.[0].trim()}`] : []));
}

test('tidy: rooms import only what the table of rooms names', () => {
  const unknown = SOURCES.filter(({ path }) => ROOMS[roomOf(path)] === undefined).map(({ path }) => path);
  expectNone(unknown, 'a room that the table does not name');
  const found = SOURCES.flatMap(({ path, imports }) => imports.filter((to) => !mayImport(path, to)).map((to) => `${path} imports ${to}`));
  expectNone(found, 'see the table of rooms in src/CONTRIBUTING.md');
});

test('tidy: every imported file is there', () => {
  const found = SOURCES.flatMap(({ path, imports, starts }) =>
    [...imports, ...starts].filter((to) => !BY_PATH.has(to)).map((to) => `${path} imports ${to}`),
  );
  expectNone(found, 'there is no such file');
});

test('tidy: no files import each other in a circle (types may)', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    done.add(path);
    for (const to of BY_PATH.get(path)?.runtimeImports ?? []) walk(to, [...trail, path]);
  };
  for (const { path } of SOURCES) walk(path, []);
  expectNone(circles, 'import circles');
});

test('tidy: every file is reached from an entry', () => {
  const reached = new Set<string>();
  const walk = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    const source = BY_PATH.get(path);
    for (const to of [...(source?.imports ?? []), ...(source?.starts ?? [])]) walk(to);
  };
  const isEntry = (path: string): boolean => ENTRIES.includes(path) || path.startsWith('workers/') || path.startsWith('bench/macro/');
  for (const { path } of PRODUCT) if (isEntry(path)) walk(path);
  const isWaiting = (path: string): boolean =>
    Object.keys(WAITING_FILES).some((waiting) => path === waiting || (waiting.endsWith('/') && path.startsWith(waiting)));
  const dead = PRODUCT.map(({ path }) => path).filter((path) => !reached.has(path) && !isWaiting(path));
  expectNone(dead, 'dead files: import, delete, or list as waiting with the reason');
  expectNone(
    Object.keys(WAITING_FILES).filter((waiting) =>
      [...reached].some((path) => path === waiting || (waiting.endsWith('/') && path.startsWith(waiting))),
    ),
    'no longer waiting: take it off the list',
  );
  for (const { path } of SOURCES) if (path.endsWith('.test.ts')) walk(path);
  expectNone(
    SOURCES.map(({ path }) => path).filter((path) => path.startsWith('test/') && !reached.has(path)),
    'no test uses it',
  );
});

test('tidy: names are kebab-case nouns of the domain', () => {
  const files = [...WRITTEN.map(({ path }) => path), ...listFiles('native-bindings/src', '.cc'), ...listFiles('native-bindings/src', '.h')];
  const isOdd = (path: string): boolean => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|cc|h)$/.test(basename(path));
  expectNone(files.filter(isOdd), 'file names are kebab-case');
  const isVague = (path: string): boolean => FORBIDDEN_WORDS.test(basename(path)) || basename(path) === 'index.ts';
  expectNone(files.filter(isVague), 'say what it does: no util, helper, manager, handler, service, common, index');
  const declaration = /\b(?:class|interface|type|function|const|let)\s+(\w+)/g;
  const found = WRITTEN.flatMap(({ path, code }) =>
    [...code.matchAll(declaration)]
      .filter(([, name]) => /Util|Helper|Manager|Handler|Service|Common/i.test(name))
      .map(([, name]) => `${path}: ${name}`),
  );
  expectNone(found, 'say what it does: no util, helper, manager, handler, service, common');
});

test(`tidy: files have at most ${FILE_LINES_MAX} lines`, () => {
  const native = [...listFiles('native-bindings/src', '.cc'), ...listFiles('native-bindings/src', '.h')];
  const lengths = new Map(
    [...WRITTEN.map(({ path }) => path), ...native].map((path) => [path, readFileSync(join(ROOT, path), 'utf8').split('\n').length - 1]),
  );
  const found = [...lengths]
    .filter(([path, lines]) => lines > FILE_LINES_MAX && LONG_FILES[path] === undefined)
    .map(([path, lines]) => `${path}: ${lines}`);
  expectNone(found, 'look for the part that wants a file of its own, or list the file with its reason');
  expectNone(
    Object.keys(LONG_FILES).filter((path) => (lengths.get(path) ?? 0) <= FILE_LINES_MAX),
    'no longer long: take it off the list',
  );
});

test('tidy: the language is used as agreed', () => {
  expectNone(linesWith(WRITTEN, /(?::\s*any\b|\bas any\b|<any\b|\bany\[\]|,\s*any>).*/), 'no `any`: parse unknown where it enters');
  expectNone(linesWith(WRITTEN, /^\s*(?:export\s+)?(?:const\s+)?enum\s.*/m), 'no enum: an `as const` object or a union');
  expectNone(linesWith(WRITTEN, /^export default.*/m), 'no default export');
  expectNone(linesWith(WRITTEN, /^export (?:\*|\{[^}]*\}) from.*/m), 'no barrels');
  expectNone(linesWith(WRITTEN, /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/), 'no empty catch: say why nothing is to be done');
  expectNone(linesWith(PRODUCT, /\bconsole\.\w+/), 'no console: use the Logger, or write to standard output');
});

test('tidy: environment and files enter through one door, and nothing knows our machines', () => {
  const others = PRODUCT.filter(({ path }) => path !== 'src/settings/parse.ts');
  expectNone(linesWith(others, /\bprocess\.env\b/), 'only settings/parse.ts reads the environment');
  const absolute = /['"`](\/(?:tmp|work|home|usr|var|root|opt|mnt)\/[^'"`]*)['"`]/;
  const found = SOURCES.flatMap(({ path, text }) => (absolute.test(text) ? [`${path}: ${absolute.exec(text)?.[1]}`] : []));
  expectNone(found, 'no absolute paths');
});

test('tidy: nothing is left for later in the text, and nothing is silenced without a reason', () => {
  const marker = /\b(?:T[O]DO|F[I]XME|X{3})\b/; // Written so that it does not find itself.
  expectNone(
    SOURCES.filter(({ text }) => marker.test(text)).map(({ path }) => path),
    'open an issue instead',
  );
  const silenced = /@ts-(?:ignore|nocheck|expect-error)(?!\S*:? \S)|biome-ignore [\w/]+\s*$/m;
  expectNone(
    SOURCES.filter(({ text }) => silenced.test(text)).map(({ path }) => path),
    'say why',
  );
});

test('tidy: dependencies are pinned exactly, and the version is one', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  assert.equal(manifest.version, PRODUCT_VERSION, 'package.json and base/version.ts');
  const all = Object.entries<string>({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies });
  const loose = all
    .filter(([, version]) => !/^(?:npm:[\w./@-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name}@${version}`);
  expectNone(loose, 'pin it');
});

test('tidy: the lock file installs alike everywhere', () => {
  interface Locked {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
    readonly engines?: unknown;
  }
  const packages: Readonly<Record<string, Locked>> = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const missing = Object.values(packages)
    .flatMap((locked) => Object.keys(locked.optionalDependencies ?? {}))
    .filter((name) => packages[`node_modules/${name}`] === undefined);
  expectNone(missing, '`npm ci` refuses a lock file without these; see Dependencies in src/CONTRIBUTING.md');
  assert.equal(packages['node_modules/uWebSockets.js']?.engines, undefined, 'npm on Node 20 would leave it out; see src/CONTRIBUTING.md');
});

test('tidy: ERRORS.md and the table of errors have the same codes, and no other is used', () => {
  const codes = Object.keys(ERROR_TABLE).sort();
  const page = readFileSync(join(ROOT, 'src/ERRORS.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (RMQ-\d{4}) \| ([^|]+) \|/gm)];
  assert.deepEqual(rows.map(([, code]) => code).sort(), codes);
  for (const [, code, title] of rows) {
    const entry = Object.entries(ERROR_TABLE).find(([known]) => known === code);
    assert.equal(title, entry?.[1].title, code);
  }
  const used = PRODUCT.flatMap(({ path, text }) => [...text.matchAll(/RMQ-\d{4}/g)].map(([code]) => ({ path, code })));
  expectNone(
    used.filter(({ code }) => !codes.includes(code)).map(({ path, code }) => `${path}: ${code}`),
    'no such code in base/errors.ts',
  );
});

test('tidy: tests mirror the tree', () => {
  const found = SOURCES.map(({ path }) => path)
    .filter((path) => path.startsWith('test/') && path.endsWith('.test.ts') && path.split('/').length > 2)
    .map((path) => dirname(relative('test', path)))
    .filter((folder) => !OF_THE_WHOLE.some((whole) => folder === whole || folder.startsWith(`${whole}/`)))
    .filter((folder) => !existsSync(join(ROOT, 'src', folder)) && !existsSync(join(ROOT, folder)));
  expectNone([...new Set(found)], 'test/<room> without a src/<room>');
});
