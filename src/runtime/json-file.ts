import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { BrokerError, systemCodeOf } from '../base/errors.js';

/* Small files of the data directory that say how to read the others. */

/** @returns null if there is none. @throws BrokerError RMQ-1018 if it cannot be read, or is not what the schema wants. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T, unknown>): T | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw new BrokerError('RMQ-1018', `at ${path}: ${systemCodeOf(error)}`, { cause: error });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const cure = 'Use the version that wrote it, or bring the file back from a copy';
    throw new BrokerError('RMQ-1018', `at ${path}: it is not what this version wrote`, { cause: error, cure });
  }
}

/** The new file is whole on the disk before it takes the place of the old one. @throws BrokerError RMQ-1018. */
export function writeJsonFile(path: string, value: object): void {
  const temporary = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const descriptor = openSync(temporary, 'w', 0o600);
    writeFileSync(descriptor, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, path);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch (error) {
    throw new BrokerError('RMQ-1018', `at ${path}: ${systemCodeOf(error)}`, { cause: error });
  }
}
