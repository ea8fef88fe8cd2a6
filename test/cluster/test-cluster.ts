import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SystemClock } from '../../src/base/clock.js';
import { MetadataClient } from '../../src/metadata/client/metadata-client.js';
import { CatalogueService, Consistency } from '../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { ClusterService, type StatusResponse } from '../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import { Kind } from '../../src/metadata/grpc/generated/robustmq/v1/resources.js';
import { eventually } from '../resilience/deadline.js';
import { type Host, type Hosts, makeHosts } from './hosts.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const CTL = fileURLToPath(new URL('../../src/ctl.js', import.meta.url));
const TOKEN = 'a-token-of-the-tests';
const PAGE = 1000;

interface Tls {
  readonly ca: Buffer;
  readonly own: { readonly cert: Buffer; readonly key: Buffer };
}

/** One node: a process, its data directory, and what it wrote. */
export class ClusterNode {
  readonly name: string;
  readonly host: Host;
  readonly dataPath: string;
  output = '';
  readonly #settings: readonly string[];
  readonly #peers: string;
  #child: ChildProcess | null = null;

  constructor(name: string, host: Host, dataPath: string, settings: readonly string[], peers: string) {
    this.name = name;
    this.host = host;
    this.dataPath = dataPath;
    this.#settings = settings;
    this.#peers = peers;
  }

  get address(): string {
    return `${this.host.address}:${this.host.port}`;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  start({ isAlone = false }: { readonly isAlone?: boolean } = {}): void {
    const settings = [...this.#settings, ...(isAlone ? [] : [this.#peers])].flatMap((setting) => ['--set', setting]);
    const [command, ...words] = [...this.host.prefix, process.execPath, MAIN, 'start', '--foreground', ...settings];
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.output = '';
    const keep = (text: string): void => {
      this.output = (this.output + text).slice(-20_000);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('exit', () => {
      if (this.#child === child) this.#child = null;
    });
  }

  async ready(): Promise<void> {
    await eventually(
      `${this.name} is ready: ${this.output.slice(-500)}`,
      () => this.output.includes('server.ready') || !this.isRunning,
      20_000,
    );
    if (!this.isRunning) throw new Error(`${this.name} ended: ${this.output.slice(-2000)}`);
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const gone = signal === 'SIGKILL' || signal === 'SIGTERM' ? once(child, 'exit') : null;
    child.kill(signal);
    await gone;
  }

  /** By its exit code. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    const [code] = await once(child, 'close'); // Then all it wrote is here.
    return typeof code === 'number' ? code : null;
  }

  wipe(): void {
    rmSync(this.dataPath, { recursive: true, force: true });
  }

  /** What robust-ctl writes. @throws Error with what it says if it fails. */
  ctl(...words: readonly string[]): string {
    const run = spawnSync(process.execPath, [CTL, ...words, '--data-path', this.dataPath], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
    return run.stdout;
  }
}

/** Real processes that form one cluster, gone when the test ends. */
export class TestCluster {
  readonly nodes: readonly ClusterNode[];
  readonly hosts: Hosts;
  readonly token: string = TOKEN;
  readonly #tls: Tls | null;
  readonly #clients: MetadataClient[] = [];

  static async start(context: TestContext, count = 3): Promise<TestCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'robustmq-cluster-'));
    const hosts = await makeHosts(count);
    const tls = hosts.hasNetwork ? makeTls(folder, hosts.hosts) : null;
    const names = hosts.hosts.map((_, at) => `n${at + 1}`);
    const peers = hosts.hosts.map(({ address, port }, at) => `${names[at]}=${address}:${port}`).join(',');
    const nodes = hosts.hosts.map((host, at) => {
      const dataPath = join(folder, names[at]);
      const files =
        tls === null
          ? []
          : ['cert', 'key', 'ca'].map((part) => `grpc.tls.${part}=${join(folder, part === 'ca' ? 'ca.pem' : `${names[at]}.${part}`)}`);
      return new ClusterNode(
        names[at],
        host,
        dataPath,
        [
          ...[
            `node.id=${names[at]}`,
            `data_path=${dataPath}`,
            `grpc.host=${host.address}`,
            `grpc.port=${host.port}`,
            'http.port=0',
            `metadata.token=${TOKEN}`,
          ],
          ...[
            'mqtt.tcp.port=0',
            'mqtt.ws.enabled=false',
            'mqtt.tls.enabled=false',
            'mqtt.wss.enabled=false',
            'runtime.shards=1',
            'log.format=json',
            ...files,
          ],
        ],
        `metadata.peers=${peers}`,
      );
    });
    const cluster = new TestCluster(nodes, hosts, tls);
    context.after(async () => {
      await cluster.close();
      rmSync(folder, { recursive: true, force: true });
    });
    for (const node of nodes) node.start();
    await Promise.all(nodes.map((node) => node.ready()));
    return cluster;
  }

  private constructor(nodes: readonly ClusterNode[], hosts: Hosts, tls: Tls | null) {
    this.nodes = nodes;
    this.hosts = hosts;
    this.#tls = tls;
  }

  /** Of some nodes; of all if none is named. */
  client(...nodes: readonly ClusterNode[]): MetadataClient {
    const client = new MetadataClient({
      addresses: (nodes.length === 0 ? this.nodes : nodes).map(({ address }) => address),
      token: TOKEN,
      tls: this.#tls,
      clock: new SystemClock(),
      fillRandom: (bytes) => void randomFillSync(bytes),
    });
    this.#clients.push(client);
    return client;
  }

  /** The node that leads, as most see it. */
  async leader(): Promise<ClusterNode> {
    for (;;) {
      for (const node of this.nodes) {
        if (!node.isRunning) continue;
        const status = await statusOf(this.client(node)).catch(() => null);
        if (status !== null && status.leader !== 0 && status.leader === status.nodeId) return node;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    this.hosts.heal();
    for (const client of this.#clients) client.close();
    for (const node of this.nodes) await node.signal('SIGKILL');
    this.hosts.close();
  }
}

export function statusOf(client: MetadataClient, deadlineMs = 2000): Promise<StatusResponse> {
  return client.call(ClusterService.status, {}, deadlineMs);
}

export async function put(client: MetadataClient, key: string, value: string, deadlineMs: number): Promise<void> {
  const resource = { resource: { $case: 'setting' as const, value: { scope: 0, key, value } } };
  await client.call(CatalogueService.put, { resource, expectedRevision: undefined, requestId: Buffer.alloc(0) }, deadlineMs);
}

/** A read that must be fresh. @returns null if there is no such setting. */
export async function get(client: MetadataClient, key: string, deadlineMs: number): Promise<string | null> {
  const answer = await client.call(
    CatalogueService.get,
    { key: { key: { $case: 'setting', value: { scope: 0, key } } }, consistency: Consistency.LINEARIZABLE },
    deadlineMs,
  );
  const resource = answer.record?.resource?.resource;
  return resource?.$case === 'setting' ? resource.value.value : null;
}

/** All settings as a node has them, without asking others. */
export async function settingsOf(client: MetadataClient): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  let pageToken = '';
  do {
    const page = await client.call(CatalogueService.list, {
      ...{ kind: Kind.SETTING, tenant: '', prefix: '', pageSize: PAGE, pageToken, consistency: Consistency.LOCAL },
    });
    for (const { resource } of page.records)
      if (resource?.resource?.$case === 'setting') settings.set(resource.resource.value.key, resource.resource.value.value);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return settings;
}

function makeTls(folder: string, hosts: readonly Host[]): Tls {
  const openssl = (...words: readonly string[]): void => {
    const { status, stderr } = spawnSync('openssl', words, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`);
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...curve, '-days', '2', '-subj', '/CN=tests', '-keyout', 'ca.key', '-out', 'ca.pem');
  const names = [...hosts.map((_, at) => `n${at + 1}`), 'client'];
  for (const [at, name] of names.entries()) {
    openssl('req', ...curve, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(join(folder, 'names'), `subjectAltName=IP:${hosts[at]?.address ?? '127.0.0.1'}\n`);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      `${name}.cert`,
    );
  }
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  return { ca: read('ca.pem'), own: { cert: read('client.cert'), key: read('client.key') } };
}
