import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Certificates {
  readonly ca: Buffer;
  readonly server: Pair;
  readonly client: Pair;
  /** Of another authority. */
  readonly stranger: Pair;
}

/** Fresh ones, for localhost and 127.0.0.1. null: openssl is not here. */
export function makeCertificates(): Certificates | null {
  if (spawnSync('openssl', ['version']).status !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'robustmq-certificates-'));
  try {
    makeAuthority(folder, 'ca');
    makeAuthority(folder, 'other');
    return {
      ca: readFileSync(join(folder, 'ca.pem')),
      server: makePair(folder, 'ca', 'server'),
      client: makePair(folder, 'ca', 'client'),
      stranger: makePair(folder, 'other', 'stranger'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function makeAuthority(folder: string, name: string): void {
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  openssl(folder, [...words, '-keyout', `${name}.key`, '-out', `${name}.pem`]);
}

function makePair(folder: string, authority: string, name: string): Pair {
  const words = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`];
  openssl(folder, [...words, '-keyout', `${name}.key`, '-out', `${name}.csr`]);
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const sign = ['x509', '-req', '-in', `${name}.csr`, '-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  openssl(folder, [...sign, '-days', '2', '-extfile', 'names', '-out', `${name}.pem`]);
  return { cert: readFileSync(join(folder, `${name}.pem`)), key: readFileSync(join(folder, `${name}.key`)) };
}

function openssl(folder: string, words: readonly string[]): void {
  const run = spawnSync('openssl', words, { cwd: folder, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`openssl ${words[0]}: ${run.stderr}`);
}
