const CAPACITY_FIRST = 64;

/** Numbers of rows, in the order in which they came. Grows and stays: nothing is allocated in the steady state. */
export class RowList {
  rows: Int32Array = new Int32Array(CAPACITY_FIRST);
  length = 0;

  push(row: number): void {
    if (this.length === this.rows.length) {
      const grown = new Int32Array(this.rows.length * 2);
      grown.set(this.rows);
      this.rows = grown;
    }
    this.rows[this.length] = row;
    this.length += 1;
  }

  clear(): void {
    this.length = 0;
  }
}
