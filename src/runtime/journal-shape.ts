import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import type { JournalShape } from '../journal/placement.js';
import type { Settings } from '../settings/schema.js';
import { readJsonFile, writeJsonFile } from './json-file.js';

/*
  data_path/journal/shape.json: groups, and the lanes they are in. It decides where a partition is, so it stays as it was when the directory was
  made; only lanes may be added. It belongs to the files beside it, not to the cluster.
*/

const FILE = 'shape.json';
const LANE = /^lane-\d+$/;

const SHAPE: z.ZodType<JournalShape> = z.strictObject({ groups: z.int().min(1), groupLanes: z.int().min(1), lanes: z.int().min(1) });

/**
 * Reads the shape of the journal in the data directory, or makes it, and brings it up to the settings.
 * @param legacy what streams.json says, of a directory that has no shape.json yet. @throws BrokerError RMQ-1018.
 */
export function openShape({ data_path, journal, runtime }: Settings, legacy: JournalShape | null): JournalShape {
  const directory = join(data_path, 'journal');
  const path = join(directory, FILE);
  const known = readJsonFile(path, SHAPE) ?? legacy;
  const shape = known ?? { groups: journal.groups, groupLanes: runtime.shards, lanes: runtime.shards };
  const grown = { ...shape, lanes: Math.max(shape.lanes, runtime.shards) };
  if (known === null || known === legacy || grown.lanes !== shape.lanes) writeJsonFile(path, grown);
  return grown;
}

/** Whether there are records that somebody must be able to explain. */
export function hasLanes(dataPath: string): boolean {
  try {
    return readdirSync(join(dataPath, 'journal')).some((name) => LANE.test(name));
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw new BrokerError('RMQ-1018', `at ${join(dataPath, 'journal')}: ${systemCodeOf(error)}`, { cause: error });
  }
}
