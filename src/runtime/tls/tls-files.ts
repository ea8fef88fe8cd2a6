import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import { isTlsKind, type ListenerDefinition } from '../../settings/listener-schema.js';
import { checkMaterial, type KeyPair, type TlsMaterial, type TlsRules } from '../../transport/tls/material.js';
import { parsePskFile } from '../../transport/tls/psk-file.js';
import { authorityPathOf, developmentPair, renewalOf } from './development-authority.js';

const TICKET_KEYS_BYTES = 48;

/** Of a certificate that a listener shows. */
export interface CertificateExpiry {
  /** As in the settings: `mqtt.tls`. */
  readonly listener: string;
  /** The name that a client asks for to get it (SNI); empty: the listener's own. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** What a look at the files of one listener came to. */
export interface TlsReload {
  readonly listener: string;
  /** Null: they are in force. */
  readonly fault: BrokerError | null;
}

interface Entry {
  readonly definition: ListenerDefinition;
  material: TlsMaterial | null;
  /** Of the material: alarms look at them each second. */
  expiries: readonly CertificateExpiry[];
  /** Of the files that were read last, good or not. */
  loaded: string;
  /** Of the files at the last look. */
  seen: string;
  /** Of the files that are in force. */
  good: string;
}

export function rulesOf(definition: ListenerDefinition): TlsRules {
  const { verify, version_min, version_max, ciphers } = definition;
  return { verify, versionMin: version_min, versionMax: version_max, ciphers };
}

/**
 * The files of all TLS listeners, on the main thread: read at the start, at `reload`, and when they changed. What is not good is
 * refused as a whole, and what was in force before stays.
 */
export class TlsFiles {
  /** New material is in force; the shards are to be told. */
  onChanged: (tag: number, material: TlsMaterial) => void = () => {};
  readonly #dataPath: string;
  readonly #log: Logger;
  readonly #entries: Entry[];
  /** Of the development authority; null until it is needed and there. */
  #development: KeyPair | null = null;
  #isMaking = false;

  /** @throws BrokerError RMQ-1038 if a file that the settings name is not good. */
  constructor(definitions: readonly ListenerDefinition[], dataPath: string, log: Logger) {
    this.#dataPath = dataPath;
    this.#log = log;
    this.#entries = definitions
      .filter(({ kind }) => isTlsKind(kind))
      .map((definition) => ({ definition, material: null, expiries: [], loaded: '', seen: '', good: '' }));
    for (const entry of this.#entries) {
      if (entry.definition.cert === '')
        readMaterial(entry.definition, { cert: '', key: '' }); // The other files are looked at now.
      else this.#load(entry);
    }
  }

  /** By tag; without those that are still being made. */
  get all(): ReadonlyMap<number, TlsMaterial> {
    return new Map(this.#entries.flatMap(({ definition, material }) => (material === null ? [] : [[definition.tag, material]])));
  }

  /** Where the development authority is; empty: nobody needs it. */
  get authorityPath(): string {
    return this.#needsDevelopment ? authorityPathOf(this.#dataPath) : '';
  }

  get expiries(): readonly CertificateExpiry[] {
    return this.#entries.flatMap(({ expiries }) => expiries);
  }

  /** Has a certificate made, or read, for the listeners that have none, and made anew when it nears its end. Nobody waits for it. */
  async provideDevelopment(nowMs: number): Promise<void> {
    const isGood = this.#development !== null && nowMs < renewalOf(this.#development);
    if (!this.#needsDevelopment || this.#isMaking || isGood) return;
    this.#isMaking = true;
    try {
      this.#development = await developmentPair(this.#dataPath, nowMs);
      for (const entry of this.#entries) if (entry.definition.cert === '') this.#tell(entry, this.#load(entry));
    } catch (error) {
      this.#log.error('tls.development', 'no certificate of the development authority: TLS listeners without one take nobody', { error });
    } finally {
      this.#isMaking = false;
    }
  }

  /** Reads what changed, at once. */
  reload(): readonly TlsReload[] {
    const changed = this.#entries.filter((entry) => entry.material !== null && signatureOf(entry.definition) !== entry.good);
    return changed.map((entry) => this.#renew(entry));
  }

  /** Every few seconds. Files that changed are read when they have rested from one look to the next: they are written one by one. */
  look(nowMs: number): void {
    for (const entry of this.#entries) {
      if (entry.material === null) continue;
      const now = signatureOf(entry.definition);
      if (now === entry.seen && now !== entry.loaded) this.#renew(entry);
      entry.seen = now;
    }
    void this.provideDevelopment(nowMs);
  }

  get #needsDevelopment(): boolean {
    return this.#entries.some(({ definition }) => definition.cert === '');
  }

  #renew(entry: Entry): TlsReload {
    const listener = entry.definition.name;
    try {
      const material = this.#load(entry);
      this.#tell(entry, material);
      this.#log.info('tls.reloaded', 'certificates and keys were read again', { listener });
      return { listener, fault: null };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#log.error('tls.refused', 'certificates and keys stay as they were', { listener, error });
      return { listener, fault: error };
    }
  }

  #load(entry: Entry): TlsMaterial {
    const { definition } = entry;
    entry.loaded = signatureOf(definition);
    entry.seen = entry.loaded;
    const material = readMaterial(definition, this.#development);
    checkMaterial(material, rulesOf(definition));
    entry.material = material;
    entry.expiries = expiriesOf(definition.name, material);
    entry.good = entry.loaded;
    return material;
  }

  #tell(entry: Entry, material: TlsMaterial): void {
    this.onChanged(entry.definition.tag, material);
  }
}

function readMaterial(definition: ListenerDefinition, development: KeyPair | null): TlsMaterial {
  const { name, cert, key, ca, crl, psk_file, sni } = definition;
  const read = (path: string, what: string): string => (path === '' ? '' : readText(path, `${name}.${what}`));
  const own = cert === '' ? development : { cert: read(cert, 'cert'), key: read(key, 'key') };
  if (own === null) throw new BrokerError('RMQ-1038', `(${name}: the development authority has made none yet)`);
  return {
    ...own,
    ca: read(ca, 'ca'),
    crl: read(crl, 'crl'),
    byServerName: sni.map((pair) => ({ host: pair.host, cert: read(pair.cert, 'sni'), key: read(pair.key, 'sni') })),
    preSharedKeys: psk_file === '' ? new Map() : parsePskFile(read(psk_file, 'psk_file'), psk_file),
    ticketKeys: randomBytes(TICKET_KEYS_BYTES),
  };
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BrokerError('RMQ-1038', `(${what} = "${path}": ${systemCodeOf(error)})`, { cause: error });
  }
}

/** Changes when one of the files does. */
function signatureOf({ cert, key, ca, crl, psk_file, sni }: ListenerDefinition): string {
  const paths = [cert, key, ca, crl, psk_file, ...sni.flatMap((pair) => [pair.cert, pair.key])];
  return paths
    .map((path) => {
      const stat = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? '-' : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    })
    .join(' ');
}

function expiriesOf(listener: string, { cert, byServerName }: TlsMaterial): readonly CertificateExpiry[] {
  return [{ host: '', cert }, ...byServerName].map((shown) => ({ listener, host: shown.host, notAfterMs: notAfterOf(shown.cert) }));
}

function notAfterOf(cert: string): number {
  return Date.parse(new X509Certificate(cert).validTo);
}
