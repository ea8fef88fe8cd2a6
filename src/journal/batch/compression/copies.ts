/** Below that many bytes a loop is cheaper than a call. */
const CALL_BYTES_MIN = 48;

/** Copies `length` bytes from the input. Both ranges were checked. */
export function copyLiteral(bytes: Uint8Array, from: number, output: Uint8Array, to: number, length: number): void {
  if (length < CALL_BYTES_MIN) for (let i = 0; i < length; i += 1) output[to + i] = bytes[from + i];
  else output.set(bytes.subarray(from, from + length), to);
}

/** Repeats what was written `offset` bytes before; the ranges may overlap, then it repeats itself. Both were checked. */
export function copyBack(output: Uint8Array, at: number, offset: number, length: number): void {
  if (length >= CALL_BYTES_MIN && offset >= length) output.copyWithin(at, at - offset, at - offset + length);
  else if (length >= CALL_BYTES_MIN && offset === 1) output.fill(output[at - 1], at, at + length);
  else for (let i = at; i < at + length; i += 1) output[i] = output[i - offset];
}
