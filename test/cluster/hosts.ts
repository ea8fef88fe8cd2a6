import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';

/*
  Where the nodes of a test cluster live. As root each has a network namespace of its own on one bridge, and can be cut off from the others; the
  test itself reaches all of them. Elsewhere they share 127.0.0.1 and nothing can be cut.

      test ------ bridge 10.231.N.254
                  |        |        |
               10.231.N.1  .2       .3        cut: a blackhole route to each other node, so that nothing comes back
*/

const GRPC_PORT = 1228;

export interface Host {
  readonly address: string;
  readonly port: number;
  /** What comes before the command of a process that lives there. */
  readonly prefix: readonly string[];
}

export interface Hosts {
  readonly hosts: readonly Host[];
  readonly hasNetwork: boolean;
  /** The host and all others do not hear each other, until `heal`. */
  cut(host: number): void;
  heal(): void;
  close(): void;
}

export async function makeHosts(count: number): Promise<Hosts> {
  return canMakeNamespaces() ? makeNamespaces(count) : await makeLocal(count);
}

export function canMakeNamespaces(): boolean {
  if (process.getuid?.() !== 0) return false;
  const name = `rmqtry${process.pid}`;
  const made = run('ip', 'netns', 'add', name) && run('ip', 'link', 'add', `${name}b`.slice(-15), 'type', 'bridge');
  run('ip', 'link', 'del', `${name}b`.slice(-15));
  run('ip', 'netns', 'del', name);
  return made;
}

function makeNamespaces(count: number): Hosts {
  const net = 1 + (process.pid % 250);
  const tag = `rmq${process.pid % 100_000}`;
  const bridge = `${tag}br`;
  must('ip', 'link', 'add', bridge, 'type', 'bridge');
  must('ip', 'addr', 'add', `10.231.${net}.254/24`, 'dev', bridge);
  must('ip', 'link', 'set', bridge, 'up');
  const hosts = Array.from({ length: count }, (_, at): Host => {
    const name = `${tag}n${at}`;
    const address = `10.231.${net}.${at + 1}`;
    must('ip', 'netns', 'add', name);
    must('ip', 'link', 'add', `${tag}v${at}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    must('ip', 'link', 'set', `${tag}v${at}`, 'master', bridge, 'up');
    must('ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    must('ip', '-n', name, 'link', 'set', 'eth0', 'up');
    must('ip', '-n', name, 'link', 'set', 'lo', 'up');
    return { address, port: GRPC_PORT, prefix: ['ip', 'netns', 'exec', name] };
  });
  const cuts: (readonly [string, string])[] = [];
  return {
    hosts,
    hasNetwork: true,
    cut(host) {
      for (const [at, { address }] of hosts.entries()) {
        if (at === host) continue;
        for (const [from, to] of [[host, address] as const, [at, hosts[host].address] as const]) {
          must('ip', '-n', `${tag}n${from}`, 'route', 'add', 'blackhole', `${to}/32`);
          cuts.push([`${tag}n${from}`, to]);
        }
      }
    },
    heal() {
      for (const [name, to] of cuts.splice(0)) run('ip', '-n', name, 'route', 'del', 'blackhole', `${to}/32`);
    },
    close() {
      for (let at = 0; at < count; at += 1) run('ip', 'netns', 'del', `${tag}n${at}`);
      run('ip', 'link', 'del', bridge);
    },
  };
}

async function makeLocal(count: number): Promise<Hosts> {
  const hosts: Host[] = [];
  for (let at = 0; at < count; at += 1) hosts.push({ address: '127.0.0.1', port: await freePort(), prefix: [] });
  const none = (): void => {};
  return { hosts, hasNetwork: false, cut: none, heal: none, close: none };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const at = server.address();
      const port = typeof at === 'object' && at !== null ? at.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function run(command: string, ...words: readonly string[]): boolean {
  return spawnSync(command, words, { stdio: 'ignore' }).status === 0;
}

function must(command: string, ...words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`);
}
