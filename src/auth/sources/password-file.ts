import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '../../base/logger.js';
import { parseStoredPassword, type StoredPassword } from '../passwords/stored-password.js';
import type { ConnectFacts } from '../ports.js';
import type { Account, AccountStore } from './account-source.js';
import { SourceFault } from './source.js';

const LOOK_MS = 1000;
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/**
 * A file with a line `user:hash` for each user, as mosquitto_passwd writes it; blank lines and those that begin with # say nothing. It is looked at once a second and
 * read again when it changed; if it cannot be read then, what it had stays. A user in it is one of every tenant: `tenants` of the source bounds that.
 */
export class PasswordFile implements AccountStore {
  readonly places: readonly [] = [];
  readonly tellsChanges = true;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly #path: string;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #passwords: ReadonlyMap<string, StoredPassword | null> | null = null;
  #mark = '';
  #reading: Promise<void> | null = null;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  async find({ userName }: ConnectFacts): Promise<Account | null> {
    if (this.#passwords === null) await this.look();
    if (this.#passwords === null) throw new SourceFault(`${this.#path} cannot be read`);
    const password = this.#passwords.get(userName ?? '');
    return password === undefined ? null : { password, isSuperuser: false, rules: null };
  }

  /** Reads the file if it is another than the last time. */
  look(): Promise<void> {
    this.#reading ??= this.#look().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  async #look(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const mark = `${mtimeMs} ${size} ${ino}`;
      if (mark === this.#mark) return;
      if (size > FILE_BYTES_MAX) throw new SourceFault(`it has ${size} bytes; ${FILE_BYTES_MAX} are allowed`);
      this.#take(await readFile(this.#path, 'utf8'));
      this.#mark = mark;
    } catch (error) {
      if (this.#mark === 'failed') return; // Said already.
      this.#mark = 'failed';
      this.#log.error('auth.file', 'a password file cannot be read: what it had stays', { path: this.#path, error });
    }
  }

  #take(text: string): void {
    const passwords = new Map<string, StoredPassword | null>();
    let unreadable = 0;
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line === '' || line.startsWith('#')) continue;
      const colon = line.indexOf(':');
      const password = colon > 0 ? parseStoredPassword(line.slice(colon + 1).trim()) : null;
      if (password === null && unreadable++ === 0)
        this.#log.warn('auth.file-line', 'a line of a password file lets nobody in', { path: this.#path, line: index + 1 });
      if (colon > 0) passwords.set(line.slice(0, colon), password);
    }
    const isFirst = this.#passwords === null;
    this.#passwords = passwords;
    this.#log.info('auth.file-read', 'a password file was read', { path: this.#path, users: passwords.size, unreadable });
    if (!isFirst) this.onChanged(null);
  }
}
