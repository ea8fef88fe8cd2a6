/** Bytes from outside that break the form they claim to have. Each protocol turns it into its own answer. The message is a constant. */
export class WireViolation extends Error {
  override readonly name = 'WireViolation';
}
