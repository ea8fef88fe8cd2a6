/*
  Rows of bytes in byte order, in memory: footers and tables of the memory store.
*/

/** @returns below 0, 0 or above 0, as `left` is before, the same as or after `right` in byte order. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

/** Whether `bytes` begins with the first `prefixLength` bytes of `prefix`. */
export function beginsWith(bytes: Uint8Array, prefix: Uint8Array, prefixLength: number = prefix.length): boolean {
  if (bytes.length < prefixLength) return false;
  for (let at = 0; at < prefixLength; at += 1) if (bytes[at] !== prefix[at]) return false;
  return true;
}

export interface Row {
  readonly key: Uint8Array;
  value: Uint8Array;
}

/** An ordered map from bytes to bytes: a sorted array, found by halving. Rows mostly arrive in order, which costs no moving. */
export class SortedRows {
  readonly #rows: Row[] = [];
  #bytes = 0;

  /** Of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  get(key: Uint8Array): Uint8Array | null {
    const at = this.lowerBound(key);
    const row = this.#rows[at];
    return row !== undefined && compareBytes(row.key, key) === 0 ? row.value : null;
  }

  /** Keeps both arrays: they must not change any more. */
  set(key: Uint8Array, value: Uint8Array): void {
    const at = this.lowerBound(key);
    const row = this.#rows[at];
    if (row !== undefined && compareBytes(row.key, key) === 0) {
      this.#bytes += value.length - row.value.length;
      row.value = value;
      return;
    }
    this.#bytes += key.length + value.length;
    this.#rows.splice(at, 0, { key, value });
  }

  delete(key: Uint8Array): void {
    const at = this.lowerBound(key);
    const row = this.#rows[at];
    if (row === undefined || compareBytes(row.key, key) !== 0) return;
    this.#bytes -= row.key.length + row.value.length;
    this.#rows.splice(at, 1);
  }

  /** Position of the first row whose key is not below `key`. */
  lowerBound(key: Uint8Array): number {
    const rows = this.#rows;
    let low = 0;
    let high = rows.length;
    if (high > 0 && compareBytes(rows[high - 1].key, key) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(rows[middle].key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Rows whose keys begin with the prefix, ascending, until `visit` returns false. `visit` must not change the rows. */
  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    for (let at = this.lowerBound(prefix); at < this.#rows.length; at += 1) {
      const { key, value } = this.#rows[at];
      if (!beginsWith(key, prefix) || !visit(key, value)) return;
    }
  }
}
