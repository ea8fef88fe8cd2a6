import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import type { JournalShape } from '../journal/placement.js';
import type { Settings } from '../settings/schema.js';

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
  const known = read(path) ?? legacy;
  const shape = known ?? { groups: journal.groups, groupLanes: runtime.shards, lanes: runtime.shards };
  const grown = { ...shape, lanes: Math.max(shape.lanes, runtime.shards) };
  if (known === null || known === legacy || grown.lanes !== shape.lanes) save(path, grown);
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

function read(path: string): JournalShape | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw new BrokerError('RMQ-1018', `at ${path}: ${systemCodeOf(error)}`, { cause: error });
  }
  try {
    return SHAPE.parse(JSON.parse(text));
  } catch (error) {
    const cure = 'Use the version that wrote it, or bring the file back from a copy';
    throw new BrokerError('RMQ-1018', `at ${path}: it is not what this version wrote`, { cause: error, cure });
  }
}

/** The new file is whole on the disk before it takes the place of the old one. */
function save(path: string, shape: JournalShape): void {
  const temporary = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const descriptor = openSync(temporary, 'w', 0o600);
    writeFileSync(descriptor, `${JSON.stringify(shape, null, 2)}\n`);
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
