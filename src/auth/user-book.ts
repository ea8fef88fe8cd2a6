import type { CatalogueReader } from '../metadata/ports.js';

/** A user of the catalogue. */
export interface KnownUser {
  readonly passwordHash: string;
  readonly isSuperuser: boolean;
  readonly scram: readonly string[];
}

/** Users of the catalogue, as this thread's copy has them. */
export class UserBook {
  /** A user changed; null: any may have. */
  onChanged: (user: { readonly tenant: string; readonly name: string } | null) => void = () => {};
  readonly #reader: () => CatalogueReader;

  constructor(reader: () => CatalogueReader) {
    this.#reader = reader;
  }

  find(tenant: string, name: string): KnownUser | null {
    return this.#reader().get('user', { tenant, name });
  }

  /** Of any tenant. */
  get count(): number {
    return this.#reader().count('user');
  }

  hasAny(tenant: string): boolean {
    const reader = this.#reader();
    return reader.count('user') > 0 && reader.list('user', { tenant, limit: 1 }).length > 0;
  }
}
