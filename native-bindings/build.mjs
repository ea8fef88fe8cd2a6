/*
  Builds the native data plane with g++ alone: no node-gyp, no download.

    node native-bindings/build.mjs              build if the sources changed (a fresh build costs one hash of the sources)
    node native-bindings/build.mjs --sanitize   the AddressSanitizer variant, for `native-bindings/sanitize.mjs`
    node native-bindings/build.mjs --force      build in any case
    node native-bindings/build.mjs --out <dir>  another place than native-bindings/build

  Only N-API and stable libuv functions are used, so one binary serves every Node version. Exit code 1 and one sentence when
  it cannot be built: the broker then runs on node:net.
*/
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, 'src');
const arguments_ = process.argv.slice(2);
const sanitize = arguments_.includes('--sanitize');
const outAt = arguments_.indexOf('--out');
const out = outAt >= 0 ? arguments_[outAt + 1] : join(here, 'build');
const NAPI_VERSION = 8;
const name = `robustmq-napi${NAPI_VERSION}${sanitize ? '-asan' : ''}`;
const target = join(out, `${name}.node`);
const stamp = join(out, `${name}.hash`);

const flags = [
  '-std=c++17',
  ...(sanitize ? ['-O1', '-g', '-fsanitize=address,undefined', '-fno-omit-frame-pointer'] : ['-O3', '-DNDEBUG']),
  '-fPIC',
  '-fno-exceptions',
  '-fno-rtti',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  `-DNAPI_VERSION=${NAPI_VERSION}`,
];

function giveUp(reason) {
  process.stderr.write(`native data plane not built: ${reason}\n`);
  process.exit(1);
}

function hashOfInputs(files) {
  const hash = createHash('sha256');
  hash.update(`${process.platform} ${process.arch} ${flags.join(' ')}`);
  for (const file of files) hash.update(file).update(readFileSync(join(sources, file)));
  return hash.digest('hex');
}

function run(command, parameters) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}

async function compile(compiler, files, include, folder) {
  const waiting = files.filter((file) => file.endsWith('.cc'));
  const objects = waiting.map((file) => join(folder, `${file}.o`));
  let isGood = true;
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined && isGood; file = waiting.shift()) {
      const good = await run(compiler, [...flags, `-I${include}`, '-c', join(sources, file), '-o', join(folder, `${file}.o`)]);
      isGood &&= good;
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  if (!isGood) giveUp('the compiler refused the sources');
  const linked = join(folder, 'linked.node');
  const linkFlags = ['-shared', '-static-libstdc++', '-static-libgcc', '-s'];
  const parameters = sanitize ? ['-shared', '-fsanitize=address,undefined'] : linkFlags;
  if (!(await run(compiler, [...parameters, ...objects, '-o', linked]))) giveUp('the linker failed');
  return linked;
}

if (process.platform !== 'linux') giveUp(`it needs Linux, this is ${process.platform}`);
const files = readdirSync(sources)
  .filter((file) => file.endsWith('.cc') || file.endsWith('.h'))
  .sort();
const wanted = hashOfInputs(files);
const isFresh = existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
if (!isFresh || arguments_.includes('--force')) {
  const compiler = ['g++', 'c++', 'clang++'].find((candidate) => spawnSync(candidate, ['--version'], { stdio: 'ignore' }).status === 0);
  if (compiler === undefined) giveUp('there is no C++ compiler (install g++)');
  let include;
  try {
    include = join(dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')), 'include');
  } catch {
    giveUp('the package node-api-headers is not installed (npm ci)');
  }
  mkdirSync(out, { recursive: true });
  const folder = mkdtempSync(join(out, 'objects-'));
  try {
    // Renaming is atomic: a broker that starts meanwhile loads the old binary or the new one.
    renameSync(await compile(compiler, files, include, folder), target);
    writeFileSync(stamp, wanted);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`native data plane built: ${target}\n`);
}
