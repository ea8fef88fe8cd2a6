import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { GuardedSource } from '../../../src/auth/chain/guarded-source.js';
import { verifyPassword } from '../../../src/auth/passwords/verify.js';
import type { ConnectFacts, Identity } from '../../../src/auth/ports.js';
import { openSource } from '../../../src/auth/sources/open-source.js';
import { SystemClock } from '../../../src/base/clock.js';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { AUTH_SOURCE_SCHEMA } from '../../../src/settings/auth-source-schema.js';
import { claimPort } from '../../../src/transport/websocket/claim-port.js';
import { TestAuthority } from '../../runtime/test-authority.js';

/* Servers of Debian, each started for its test as a process on a directory and a port of its own. Where one is not installed its test is skipped, and says so. */

const START_MS_MAX = 60_000;

/** Where a program is; empty: it is not installed. @param of the package it is in, if it is not in the path. */
export function programPath(name: string, of = ''): string {
  try {
    if (of === '')
      return execFileSync('which', [name], {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
      }).trim();
    const files = execFileSync('dpkg-query', ['-L', of], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return files.split('\n').find((path) => path.endsWith(`/bin/${name}`)) ?? '';
  } catch {
    return ''; // Not installed, or no Debian.
  }
}

/** A directory that goes with the test. */
export function directoryFor(context: TestContext, owner?: { readonly uid: number; readonly gid: number }): string {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-real-'));
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A port that was free a moment ago, and that the kernel gives to nobody meanwhile. */
export const freePort = (): Promise<number> => claimPort('127.0.0.1', 0);

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Servers that refuse to run as root run as their own user then; undefined: as whoever runs the test. */
export function ownerOf(user: string): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Starts a server and waits until it takes connections. It ends with the test. */
export async function startServer(
  context: TestContext,
  program: string,
  args: readonly string[],
  port: number,
  owner?: Owner,
): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], ...owner });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  context.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const deadlineMs = performance.now() + START_MS_MAX;
  while (!(await takesConnections(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) throw new Error(`${program} does not serve: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return child;
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A source as a node would have it. It is closed with the test. */
export async function openGuarded(context: TestContext, settings: Readonly<Record<string, unknown>>): Promise<GuardedSource> {
  const rules = AUTH_SOURCE_SCHEMA.parse({ name: 'real', cache_ttl: 0, ...settings });
  const source = await openSource(rules, new SystemClock(), SILENT_LOGGER);
  context.after(() => source.close());
  return new GuardedSource(rules, source, new SystemClock(), SILENT_LOGGER);
}

export function factsOf(userName: string | null, password: string | null, clientId = 'c1', tenant = 'default'): ConnectFacts {
  return {
    ...{ protocol: 'mqtt', tenant, clientId, userName, password: password === null ? null : Buffer.from(password) },
    ...{ listener: 'mqtt.tcp', address: '127.0.0.1', port: 1, isEncrypted: false, certificate: null, pskIdentity: '' },
  };
}

/**
 * Alice's login by the same source over TLS, four times: by the name in the server's certificate with its authority; by another name; with another
 * authority; and without looking.
 * @param settingsOf the source, by host and what it believes.
 */
export async function loginsByTls(
  context: TestContext,
  ca: string,
  settingsOf: (host: string, tls: object) => Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const ways: readonly (readonly [string, object])[] = [
    ['localhost', { ca }],
    ['127.1', { ca }], // The same address, as a name.
    ['localhost', {}],
    ['127.0.0.1', { verify: false }],
  ];
  const outcomes: string[] = [];
  for (const [host, tls] of ways) {
    const source = await openGuarded(context, settingsOf(host, { enabled: true, ...tls }));
    outcomes.push(await outcomeOf(source, 'alice', 'secret'));
  }
  return outcomes;
}

/** What `loginsByTls` has to say. */
export const VERIFIED: readonly string[] = ['allowed', 'failed', 'failed', 'allowed'];

/** A certificate for localhost, and that of its authority, in files that the server may read. */
export function certificateFor(context: TestContext, owner?: Owner): { readonly cert: string; readonly key: string; readonly ca: string } {
  const authority = new TestAuthority('of sources');
  authority.issue('server', '/CN=localhost', 'DNS:localhost');
  const directory = directoryFor(context, owner);
  const copy = (name: string): string => {
    const path = join(directory, name);
    writeFileSync(path, authority.read(name), { mode: 0o600 });
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
    return path;
  };
  return { cert: copy('server.pem'), key: copy('server.key'), ca: copy('ca.pem') };
}

export function identityOf(user: string, clientId = 'c1'): Identity {
  return { tenant: 'default', user, clientId, address: '127.0.0.1', isSuperuser: false, source: 'real', expiresAtMs: 0, rules: null };
}

/** What becomes of a client: allowed, denied, ignored, failed or busy. */
export async function outcomeOf(
  source: GuardedSource,
  userName: string | null,
  password: string | null,
  clientId?: string,
): Promise<string> {
  const answer = await source.judge(factsOf(userName, password, clientId));
  if (answer.kind !== 'account') return answer.kind;
  return answer.password !== null && password !== null && verifyPassword(answer.password, Buffer.from(password)) ? 'allowed' : 'denied';
}
