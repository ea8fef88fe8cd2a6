import type { Command, CommandOutcome, Refused } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import { keyRange } from './keys.js';
import { OFFSET_METADATA_LENGTH_MAX, OFFSETS_PER_COMMIT_MAX, RECORDS_MAX } from './limits.js';
import type { OffsetPosition } from './resources.js';
import { faultOfLength, faultOfName } from './syntax.js';

/* Offsets of consumer groups: the commands that come by the ten thousand a second. */

export function commitOffsets(edit: Edit, command: Command<'commit-offsets'>): CommandOutcome {
  const { tables, atMs } = edit;
  const { tenant, group, generation, offsets } = command;
  const known = tables.get('group', { tenant, name: group });
  if (known === null) {
    const fault = edit.faultOfTenant(tenant) ?? faultOfName('group', group) ?? edit.faultOfCount('group', 1);
    if (fault !== null) return fault;
  } else if (generation > 0 && generation < known.generation)
    return refuse('conflict', `generation ${known.generation} of the group has committed`, known.revision);
  const fault = faultOfOffsets(edit, command) ?? faultOfRoom(edit, command);
  if (fault !== null) return fault;

  if (known === null || generation > known.generation) edit.put('group', { tenant, name: group, generation });
  for (const { stream, partition, offset, leaderEpoch, metadata } of offsets)
    edit.put('offset', { tenant, group, stream, partition, offset, leaderEpoch, metadata, committedAtMs: atMs });
  return edit.accept();
}

export function deleteGroup(edit: Edit, { key, expected }: Command<'delete-group'>): CommandOutcome {
  const { tables } = edit;
  const current = tables.get('group', key);
  if (current === null) return refuse('not-found', `there is no group "${key.name}"`);
  const fault = faultOfExpected(current, expected);
  if (fault !== null) return fault;
  for (const offset of tables.between('offset', keyRange(key.tenant, key.name))) edit.delete('offset', offset);
  edit.delete('group', key);
  return edit.accept();
}

function faultOfOffsets(edit: Edit, { tenant, offsets }: Command<'commit-offsets'>): Refused | null {
  if (offsets.length === 0) return refuse('invalid', 'offsets: there is none');
  if (offsets.length > OFFSETS_PER_COMMIT_MAX) return refuse('limit', `offsets: at most ${OFFSETS_PER_COMMIT_MAX} in one command`);
  for (const position of offsets) {
    const fault = faultOfPosition(edit, tenant, position);
    if (fault !== null) return fault;
  }
  return null;
}

function faultOfPosition({ tables }: Edit, tenant: string, { stream, partition, metadata }: OffsetPosition): Refused | null {
  const definition = tables.streamOfId(stream);
  if (definition === null || definition.tenant !== tenant) return refuse('not-found', `the tenant has no stream with the number ${stream}`);
  if (partition >= definition.partitions) return refuse('not-found', `stream ${stream} has no partition ${partition}`);
  return faultOfLength('metadata', metadata, OFFSET_METADATA_LENGTH_MAX);
}

/** Which offsets are new is only looked at when it matters. */
function faultOfRoom(edit: Edit, { tenant, group, offsets }: Command<'commit-offsets'>): Refused | null {
  const { tables } = edit;
  if (tables.count('offset') + offsets.length <= RECORDS_MAX.offset) return null;
  const fresh = new Set<string>();
  for (const { stream, partition } of offsets)
    if (tables.get('offset', { tenant, group, stream, partition }) === null) fresh.add(`${stream}/${partition}`);
  return edit.faultOfCount('offset', fresh.size);
}
