/**
 * Checks an invariant of our own code. A failure is our bug: nobody catches it, the thread ends and its supervisor
 * starts a new one. Never use it on data from outside.
 * @param message a constant string, so that a passing assert allocates nothing.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Thrown by `assert` alone. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}
