import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CONFIG = `
[ca]
default_ca = it
[it]
database = index.txt
default_md = sha256
default_crl_days = 30
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
`;

/** An authority by OpenSSL's own program, in a directory that goes with the process. */
export class TestAuthority {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'robustmq-ca-'));
  #serial = 1;

  constructor(name: string) {
    process.on('exit', () => rmSync(this.folder, { recursive: true, force: true }));
    writeFileSync(this.path('openssl.cnf'), CONFIG);
    writeFileSync(this.path('index.txt'), '');
    this.#newKey('ca');
    this.#run(
      'req',
      '-x509',
      '-new',
      '-key',
      'ca.key',
      '-subj',
      `/CN=${name}`,
      '-days',
      '30',
      '-extensions',
      'authority',
      '-out',
      'ca.pem',
    );
  }

  /** A file of the directory. */
  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** Makes `<name>.pem` and `<name>.key`. @param alternativeNames as `DNS:a.example,URI:x:y`. */
  issue(name: string, subject: string, alternativeNames = 'DNS:localhost,IP:127.0.0.1'): void {
    this.#newKey(name);
    writeFileSync(this.path(`${name}.ext`), `subjectAltName = ${alternativeNames}\n`);
    this.#run('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
    const serial = String(this.#serial++);
    this.#run(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', serial, '-days', '20'],
      ...['-extfile', `${name}.ext`, '-out', `${name}.pem`],
    );
  }

  /** Writes `crl.pem` with everything that was revoked, and this one. */
  revoke(name?: string): void {
    if (name !== undefined) this.#run('ca', '-config', 'openssl.cnf', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-revoke', `${name}.pem`);
    this.#run('ca', '-config', 'openssl.cnf', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-gencrl', '-out', 'crl.pem');
  }

  #newKey(name: string): void {
    this.#run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  }

  #run(...args: readonly string[]): void {
    const config = args[0] === 'req' ? ['-config', 'openssl.cnf'] : [];
    execFileSync('openssl', [...args, ...config], { cwd: this.folder, stdio: 'pipe' });
  }
}
