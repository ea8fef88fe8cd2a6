'use strict';

/*
  The build: TypeScript to dist, C++ to native-bindings/build. It runs only when a source changed since the last one that worked:

    list of (path, size, time of change) of every source  --SHA-1-->  dist/.build-stamp

  As a program: `node bin/build.js` builds if stale, `--force` always, `--native-required` fails where no native addon comes out.
  An installation without the compiler (no development dependencies) runs the dist it was given.
*/

const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const DIST = path.join(ROOT, 'dist');
const STAMP = path.join(DIST, '.build-stamp');
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');
const NATIVE = path.join(ROOT, 'native-bindings');
const SOURCE_FOLDERS = ['src', 'workers', 'bench', 'test'];
const SOURCE_FILES = ['tsconfig.json', 'package-lock.json', 'native-bindings/build.mjs'];

/** @returns {boolean} false if the build failed; why is on standard error. */
function buildIfStale(isForced) {
  const stamp = stampOf(listSources());
  if (!isForced && readStamp() === stamp) return true;
  if (!fs.existsSync(TSC)) {
    if (isBuilt()) return true;
    process.stderr.write('The TypeScript compiler is not installed, and nothing was built before.\n');
    return false;
  }
  process.stderr.write('Building what changed ...\n');
  if (!isCompiled()) return false;
  removeOrphans();
  buildNative();
  fs.writeFileSync(STAMP, stamp);
  return true;
}

/** True if there is something to run, fresh or not. */
function isBuilt() {
  return fs.existsSync(path.join(DIST, 'src/main.js'));
}

function isCompiled() {
  const run = spawnSync(process.execPath, [TSC, '-p', path.join(ROOT, 'tsconfig.json')], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  return run.status === 0;
}

/** The addon may be missing: the transport on node:net works without. build.mjs says why. @returns {boolean} */
function buildNative() {
  const script = path.join(NATIVE, 'build.mjs');
  if (!fs.existsSync(script)) return false;
  return spawnSync(process.execPath, [script], { cwd: ROOT, stdio: ['ignore', 2, 2] }).status === 0;
}

function hasNative() {
  return listFiles(path.join(NATIVE, 'build')).some((file) => file.endsWith('.node'));
}

/** Output whose source is gone would still be found by the tests. */
function removeOrphans() {
  for (const file of listFiles(DIST)) {
    const match = /^(.*?)(\.d\.ts|\.js\.map|\.js)$/.exec(file);
    if (match !== null && !fs.existsSync(path.join(ROOT, `${path.relative(DIST, match[1])}.ts`))) fs.rmSync(file);
  }
}

function listSources() {
  const typescript = SOURCE_FOLDERS.flatMap((folder) => listFiles(path.join(ROOT, folder))).filter((file) => file.endsWith('.ts'));
  const native = listFiles(path.join(NATIVE, 'src'));
  const others = SOURCE_FILES.map((file) => path.join(ROOT, file)).filter((file) => fs.existsSync(file));
  return [...typescript, ...native, ...others].sort();
}

function listFiles(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    return entry.isDirectory() ? listFiles(full) : [full];
  });
}

function stampOf(files) {
  const hash = createHash('sha1');
  for (const file of files) {
    const { size, mtimeMs } = fs.statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function readStamp() {
  return fs.existsSync(STAMP) ? fs.readFileSync(STAMP, 'utf8') : '';
}

module.exports = { ROOT, DIST, buildIfStale, isBuilt, hasNative, listFiles };

if (require.main === module) {
  const isFresh = buildIfStale(process.argv.includes('--force'));
  const isNativeMissing = process.argv.includes('--native-required') && !hasNative();
  if (isNativeMissing)
    process.stderr.write('RMQ-1008 native transport is not available (no addon was built). Read the output of the compiler.\n');
  process.exitCode = isFresh && !isNativeMissing ? 0 : 1;
}
