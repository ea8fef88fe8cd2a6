/*
  Runs the native tests against the AddressSanitizer and UBSan build: `npm run test:sanitize`, not part of `npm test`.

    node native-bindings/sanitize.mjs [compiled test files...]

  The door takes the nearest native-bindings/build above itself. So the compiled tree goes to .build/sanitize, with the
  sanitized binary under the ordinary name inside it.
*/
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tree = join(root, '.build', 'sanitize');
const binaries = join(tree, 'native-bindings', 'build');

function run(command, parameters, environment = {}) {
  const { status } = spawnSync(command, parameters, { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } });
  return status ?? 1;
}

function libraryPath(name) {
  return spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
}

mkdirSync(binaries, { recursive: true });
const built = run(process.execPath, [join(root, 'native-bindings', 'build.mjs'), '--sanitize', '--out', binaries]);
if (built !== 0) process.exit(built);
copyFileSync(join(binaries, 'robustmq-napi8-asan.node'), join(binaries, 'robustmq-napi8.node'));
run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--outDir', tree]);

let files = process.argv.slice(2);
if (files.length === 0) {
  const folders = [join(tree, 'test', 'native'), join(tree, 'test', 'transport')].filter((folder) => existsSync(folder));
  const isNative = (path) => /\/test\/native\/[^/]+\.test\.js$|\/test\/transport\/(native|fuzz)[^/]*\.test\.js$/.test(path);
  files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))).filter(isNative);
}
// Leaks are looked for in our own code: node leaves much behind on purpose when it exits.
const environment = {
  LD_PRELOAD: `${libraryPath('libasan.so')}:${libraryPath('libubsan.so')}`,
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};
process.exit(run(process.execPath, ['--test', ...files], environment));
