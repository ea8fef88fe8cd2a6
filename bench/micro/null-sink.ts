import type { CommandSink } from '../../src/transport/ports.js';

/** Takes commands and does nothing: what is measured is who writes them. */
export const nullSink: CommandSink = {
  send: () => undefined,
  sendCopy: () => undefined,
  buildBlock: () => 0,
  buildBlockCopy: () => 0,
  sendBlock: () => undefined,
  sendBlockToList: () => undefined,
  ackRun: () => undefined,
  ackRange: () => undefined,
  ack: () => undefined,
  admit: () => undefined,
  pauseReading: () => undefined,
  resumeReading: () => undefined,
  close: () => undefined,
  release: () => undefined,
  listSet: () => undefined,
  listForget: () => undefined,
};
