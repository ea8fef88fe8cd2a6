import {
  CLOSE,
  COUNTER,
  COUNTERS_COUNT,
  EVENT,
  FAULT,
  FRAMING,
  ROW_CONNECTION,
  ROW_COUNT,
  ROW_EXTRA,
  ROW_HEADER,
  ROW_INTS,
  ROW_KIND,
  ROW_LENGTH,
  ROW_NUMBER,
  ROW_OFFSET,
  SPACE_ARENA,
  SPACE_REGISTERED_FIRST,
  SPACE_SCRATCH,
} from '../ports.js';

/*
  Command row, COMMAND_INTS 32-bit integers. The first holds the operation in its low byte:

    send             op | connection | space | offset | length
    buildBlock       op, shape | space | offset | length | count | identifiers offset | identifiers length (both in the scratch)
    sendBlock        op | connection | block | first packet id
    sendBlockToList  op | list | block | except connection
    ackRun           op | connection | first byte | reason code | space | offset | count
    ackRange         op | connection | first byte | first packet id | count
    admit            op | connection | version | frame bytes max
    close            op | connection | linger ms
    pause, resume, release, listForget    op | connection

  shape: bits 8-11 source version, 12-15 version, 16-17 QoS, 18 retain, 19 duplicate
*/
export const COMMAND_INTS = 8;
export const COMMAND = {
  send: 1,
  buildBlock: 2,
  sendBlock: 3,
  sendBlockToList: 4,
  ackRun: 5,
  ackRange: 6,
  admit: 7,
  pause: 8,
  resume: 9,
  close: 10,
  release: 11,
  listForget: 12,
} as const;

/** Row for the carrier of a virtual connection: kind | connection | offset | length, both in the window. */
export const VIRTUAL_INTS = 4;
export const VIRTUAL = { output: 1, readable: 2, close: 3 } as const;

/** Every number that the addon must agree with, by its name there. */
export const LAYOUT: Readonly<Record<string, number>> = {
  ROW_INTS,
  ROW_KIND,
  ROW_CONNECTION,
  ROW_OFFSET,
  ROW_LENGTH,
  ROW_COUNT,
  ROW_NUMBER,
  ROW_HEADER,
  ROW_EXTRA,
  SPACE_ARENA,
  SPACE_SCRATCH,
  SPACE_REGISTERED_FIRST,
  COUNTERS_COUNT,
  COMMAND_INTS,
  VIRTUAL_INTS,
  ...named('EVENT', EVENT),
  ...named('CLOSE', CLOSE),
  ...named('FAULT', FAULT),
  ...named('FRAMING', FRAMING),
  ...named('COUNTER', COUNTER),
  ...named('COMMAND', COMMAND),
  ...named('VIRTUAL', VIRTUAL),
};

/** `{ bytesIn: 0 }` under COUNTER is COUNTER_BYTES_IN in C++. */
function named(prefix: string, numbers: Readonly<Record<string, number>>): Record<string, number> {
  const renamed: Record<string, number> = {};
  for (const [name, value] of Object.entries(numbers)) renamed[`${prefix}_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`] = value;
  return renamed;
}
