/*
  Runs native code under AddressSanitizer, UBSan and LeakSanitizer: `npm run test:sanitize`, not part of `npm test`.

    node native-bindings/sanitize.mjs                            the native tests, then leak-driver.mjs
    node native-bindings/sanitize.mjs --tests <compiled files>   these tests only
    node native-bindings/sanitize.mjs --driver                   the driver only

  The door takes the nearest native-bindings/build above itself. So the compiled tree goes to .build/sanitize, with the
  sanitized binary under the ordinary name inside it.

  Leaks: every process writes what it lost to .build/sanitize/reports. Node and V8 leave much behind on purpose. A leak is
  ours if any frame of its stack is in our binary, whoever called it and whatever it called. LeakSanitizer's own
  suppressions cannot say that, because every function of node that loses memory is also somewhere a caller of ours; they
  are for the few leaves of V8 in suppressions/lsan.supp.
*/
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const tree = join(root, '.build', 'sanitize');
const binaries = join(tree, 'native-bindings', 'build');
const reports = join(tree, 'reports');
const OURS = 'robustmq-napi8.node';
const PROBE = 'leak-probe.node';
/** Number, function, place, module. Without asking for the module, a frame that has debug information names its source alone. */
const FRAME_FORMAT = '    #%n %f %S in %m';
const SHOWN_MAX = 10;

function run(command, parameters, environment = {}) {
  const { status } = spawnSync(command, parameters, { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } });
  return status ?? 1;
}

function need(command, parameters) {
  const status = run(command, parameters);
  if (status !== 0) process.exit(status);
}

function libraryPath(name) {
  return spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
}

function build() {
  mkdirSync(binaries, { recursive: true });
  need(process.execPath, [join(here, 'build.mjs'), '--sanitize', '--out', binaries]);
  copyFileSync(join(binaries, 'robustmq-napi8-asan.node'), join(binaries, OURS));
  const include = join(dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')), 'include');
  const flags = ['-std=c++17', '-O0', '-g', '-fsanitize=address', '-fno-omit-frame-pointer', '-fPIC', '-shared', `-I${include}`];
  need('g++', [...flags, join(here, 'leak-probe.cc'), '-o', join(binaries, PROBE)]);
  // Errors in files that others are writing do not keep the rest from being emitted.
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--outDir', tree]);
}

function nativeTests() {
  const folders = [join(tree, 'test', 'native'), join(tree, 'test', 'transport')].filter((folder) => existsSync(folder));
  const isNative = (path) => /\/test\/native\/[^/]+\.test\.js$|\/test\/transport\/(native|fuzz)[^/]*\.test\.js$/.test(path);
  return folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))).filter(isNative);
}

/**
 * One run under the sanitizers.
 * @param unwinder 0 reads unwind tables: slow, but stacks through node and libstdc++ are whole. 1 follows frame pointers.
 */
function check(name, parameters, unwinder) {
  const folder = join(reports, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const status = run(process.execPath, parameters, {
    LD_PRELOAD: `${libraryPath('libasan.so')}:${libraryPath('libubsan.so')}`,
    ASAN_OPTIONS: [
      'detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=0',
      `fast_unwind_on_malloc=${unwinder}`,
      `stack_trace_format='${FRAME_FORMAT}'`,
      `log_path='${join(folder, 'log')}'`,
    ].join(':'),
    // What was lost is judged below, not by the exit code of each process.
    LSAN_OPTIONS: `exitcode=0:print_suppressions=0:suppressions='${join(here, 'suppressions', 'lsan.supp')}'`,
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  });
  return { status, ...judge(folder) };
}

/** Leaks with a frame in our binary, how many the probe made, and reports that are of something worse than a leak. */
function judge(folder) {
  const found = { ours: [], probes: 0, errors: [] };
  for (const file of readdirSync(folder)) {
    const report = readFileSync(join(folder, file), 'utf8');
    if (!report.includes('ERROR: LeakSanitizer: detected memory leaks')) found.errors.push(report);
    for (const block of report.split(/\n\n+/)) {
      if (!/^(Direct|Indirect) leak of /m.test(block)) continue;
      if (isFrameOf(block, OURS)) found.ours.push(block);
      if (isFrameOf(block, PROBE)) found.probes += 1;
    }
  }
  return found;
}

function isFrameOf(block, binary) {
  return block.split('\n').some((line) => /^ +#\d+ /.test(line) && line.endsWith(`/${binary}`));
}

/** @returns whether the run was clean. */
function tell(name, { status, ours, errors, probes }, wantsProbe) {
  for (const text of [...errors, ...ours].slice(0, SHOWN_MAX)) process.stdout.write(`${text}\n\n`);
  const isAwake = !wantsProbe || probes > 0;
  const isGood = status === 0 && ours.length === 0 && errors.length === 0 && isAwake;
  if (!isAwake) process.stdout.write(`${name}: the leak made on purpose was not reported, so the leak check is asleep\n`);
  process.stdout.write(`${name}: ${isGood ? 'good' : 'FAILED'}; exit ${status}, errors ${errors.length}, leaks of ours ${ours.length}\n`);
  return isGood;
}

const arguments_ = process.argv.slice(2);
const isDriverOnly = arguments_[0] === '--driver';
const isTestsOnly = arguments_[0] === '--tests';
build();
let isGood = true;
if (!isDriverOnly) {
  const files = isTestsOnly && arguments_.length > 1 ? arguments_.slice(1) : nativeTests();
  isGood = tell('native tests', check('tests', ['--test', ...files], 1), false);
}
if (!isTestsOnly) {
  const driver = check('driver', ['--expose-gc', join(here, 'leak-driver.mjs'), tree], 0);
  isGood = tell('leak driver', driver, true) && isGood;
}
process.exit(isGood ? 0 : 1);
