import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from '../settings/schema.js';
import { readJsonFile, writeJsonFile } from './json-file.js';

const FILE = 'broker-id.json';
const FORM: z.ZodType<{ readonly id: string }, unknown> = z.strictObject({ id: z.uuid() });

/** Of this data directory, unlike that of any other: bridges mark messages with it. Made when it is first needed. @throws BrokerError RMQ-1018. */
export function brokerIdOf({ data_path: dataPath, mqtt }: Settings): string {
  if (mqtt.bridges.length === 0) return '';
  const path = join(dataPath, FILE);
  const known = readJsonFile(path, FORM);
  if (known !== null) return known.id;
  const id = randomUUID();
  writeJsonFile(path, { id });
  return id;
}
