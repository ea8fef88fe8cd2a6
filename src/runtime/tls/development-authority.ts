import { webcrypto, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { KeyPair } from '../../transport/tls/material.js';

/*
  Certificates for a broker that has none: an authority that is made once, in data_path/secrets, and a certificate of it for this
  machine. Clients that are told to trust development-ca.pem can check whom they speak to.

  What makes certificates (@peculiar/x509) is loaded when one is made: at the first start, and when the server's nears its end.
*/

const DAY_MS = 86_400_000;
const AUTHORITY_MS = 3650 * DAY_MS;
const SERVER_MS = 397 * DAY_MS;
/** A server certificate is made anew when it has less left. */
const RENEW_MS = 30 * DAY_MS;
/** Clocks differ. */
const BACKDATE_MS = 3_600_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const NAMES = ['localhost', '127.0.0.1', '::1'] as const;

const CA_CERT = 'development-ca.pem';
const CA_KEY = 'development-ca.key';
const SERVER_CERT = 'development-server.pem';
const SERVER_KEY = 'development-server.key';

export function secretsPathOf(dataPath: string): string {
  return join(dataPath, 'secrets');
}

/** What clients are told to trust. */
export function authorityPathOf(dataPath: string): string {
  return join(secretsPathOf(dataPath), CA_CERT);
}

/** Of this machine, from its files or made now. */
export async function developmentPair(dataPath: string, nowMs: number): Promise<KeyPair> {
  const folder = secretsPathOf(dataPath);
  const authority = readPair(folder, CA_CERT, CA_KEY);
  const server = readPair(folder, SERVER_CERT, SERVER_KEY);
  if (authority !== null && server !== null && isGood(server, authority, nowMs))
    return { cert: server.cert + authority.cert, key: server.key };
  const made = await make(folder, authority, nowMs);
  return { cert: made.server.cert + made.authority.cert, key: made.server.key };
}

/** When it should be looked at again: milliseconds since the epoch. */
export function renewalOf(pair: KeyPair): number {
  return Date.parse(new X509Certificate(pair.cert).validTo) - RENEW_MS;
}

function readPair(folder: string, cert: string, key: string): KeyPair | null {
  if (!existsSync(join(folder, cert)) || !existsSync(join(folder, key))) return null;
  return { cert: readFileSync(join(folder, cert), 'utf8'), key: readFileSync(join(folder, key), 'utf8') };
}

/** False: it was signed by another authority, ends soon, or the machine has another name now. */
function isGood(server: KeyPair, authority: KeyPair, nowMs: number): boolean {
  const certificate = new X509Certificate(server.cert);
  const isOurs = certificate.verify(new X509Certificate(authority.cert).publicKey);
  return isOurs && renewalOf(server) > nowMs && certificate.checkHost(hostNameHere(), { subject: 'never' }) !== undefined;
}

/** As a certificate can have it. */
function hostNameHere(): string {
  const name = hostname().toLowerCase();
  return /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name) ? name : 'localhost';
}

async function make(folder: string, known: KeyPair | null, nowMs: number): Promise<{ authority: KeyPair; server: KeyPair }> {
  await import('reflect-metadata'); // Of what the next one stands on.
  const x509 = await import('@peculiar/x509');
  const isUsable = known !== null && Date.parse(new X509Certificate(known.cert).validTo) > nowMs + SERVER_MS;
  const notBefore = new Date(nowMs - BACKDATE_MS);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);

  const serial = (): string => `00${Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex')}`; // 00: it is positive.
  let authority = known;
  let authorityKeys: webcrypto.CryptoKeyPair | null = null;
  if (authority === null || !isUsable) {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: serial(),
        name: [{ CN: [`RobustMQ development CA of ${hostNameHere()}`] }],
        notBefore,
        notAfter: new Date(nowMs + AUTHORITY_MS),
        signingAlgorithm: ALGORITHM,
        keys,
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    authority = { cert: `${certificate.toString('pem')}\n`, key: await keyPem(keys.privateKey) };
    authorityKeys = keys;
    writePair(folder, CA_CERT, CA_KEY, authority);
  }

  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = authorityKeys?.privateKey ?? (await importKey(authority.key));
  const keys = await newKeys();
  const names = [...new Set<string>([...NAMES, hostNameHere()])];
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      subject: [{ CN: [hostNameHere()] }],
      issuer: issuer.subjectName,
      notBefore,
      notAfter: new Date(nowMs + SERVER_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value }))),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const server = { cert: `${certificate.toString('pem')}\n`, key: await keyPem(keys.privateKey) };
  writePair(folder, SERVER_CERT, SERVER_KEY, server);
  return { authority, server };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const lines =
    Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
}

/** The key first: a certificate without its key would be of no use. Each file is there whole or not at all. */
function writePair(folder: string, certName: string, keyName: string, { cert, key }: KeyPair): void {
  for (const [name, text] of [
    [keyName, key],
    [certName, cert],
  ] as const) {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    chmodSync(`${path}.new`, 0o600);
    renameSync(`${path}.new`, path);
  }
}
