import type { Transport } from '../../src/transport/ports.js';

export interface UnderTestOptions {
  readonly topicsMax: number;
  /** Size of the table of connections. */
  readonly connectionsMax: number;
  /** The longest frame that any connection of the test accepts. */
  readonly frameBytesMax: number;
}

export const UNDER_TEST: UnderTestOptions = { topicsMax: 64, connectionsMax: 64, frameBytesMax: 1 << 20 };

/** A transport and a way to accept sockets for it. */
export interface UnderTest {
  readonly transport: Transport;
  /** Listens on 127.0.0.1, port 0; `onAccepted` gets what `adopt` wants. @returns the port. */
  listen(onAccepted: (descriptor: number) => void): Promise<number>;
  /** Closes the transport, if the test has not, and its listeners. */
  close(): Promise<void>;
}

export type CreateUnderTest = (options: UnderTestOptions) => Promise<UnderTest>;

/** Runs a test body on a fresh transport and closes it whatever happens. */
export async function withTransport(
  create: CreateUnderTest,
  options: Partial<UnderTestOptions>,
  body: (underTest: UnderTest) => Promise<void>,
): Promise<void> {
  const underTest = await create({ ...UNDER_TEST, ...options });
  try {
    await body(underTest);
  } finally {
    await underTest.close();
  }
}
