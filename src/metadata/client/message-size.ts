/** Tag and length of a field, or a number. */
const FIELD_BYTES = 8;
const UTF8_BYTES_MAX = 3;

/** No less than what the message takes when it is encoded, and no more than some times that. */
export function bytesAbout(message: unknown): number {
  if (typeof message === 'string') return FIELD_BYTES + UTF8_BYTES_MAX * message.length;
  if (message instanceof Uint8Array) return FIELD_BYTES + message.length;
  if (typeof message !== 'object' || message === null) return 2 * FIELD_BYTES;
  let bytes = FIELD_BYTES;
  for (const value of Object.values(message)) bytes += bytesAbout(value);
  return bytes;
}
