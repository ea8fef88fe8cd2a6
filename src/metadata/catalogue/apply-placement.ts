import type { Command, CommandOutcome, Refused } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import { JOURNAL_GROUPS_MAX, JOURNAL_LANES_MAX, REPLICAS_MAX } from './limits.js';
import type { PlacementValue, ShapeValue } from './resources.js';
import { faultOfRange } from './syntax.js';

/* Groups of the journals: how many each node has, and which nodes hold copies of them. Numbers of groups are those of journal/placement.ts. */

const MEMORY_GROUPS_FROM = 0x4000;
const SESSION_GROUPS_FROM = 0x8000;

export function putShape(edit: Edit, { value, expected }: Command<'put-shape'>): CommandOutcome {
  const current = edit.tables.get('shape', value);
  const fault = faultOfNode(edit, value.node) ?? faultOfShape(value) ?? faultOfExpected(current, expected);
  if (fault !== null) return fault;
  if (current !== null) {
    if (value.groups !== current.groups || value.groupLanes !== current.groupLanes)
      return refuse('invalid', 'groups and groupLanes say where partitions are: they stay as they are', current.revision);
    if (value.lanes < current.lanes) return refuse('invalid', 'lanes cannot become fewer', current.revision);
  }
  edit.put('shape', value);
  return edit.accept();
}

export function placeGroup(edit: Edit, { value, expected }: Command<'place-group'>): CommandOutcome {
  const fault = faultOfPlacement(edit, value) ?? faultOfExpected(edit.tables.get('placement', value), expected);
  if (fault !== null) return fault;
  edit.put('placement', value);
  return edit.accept();
}

export function unplaceGroup(edit: Edit, { key, expected }: Command<'unplace-group'>): CommandOutcome {
  const current = edit.tables.get('placement', key);
  if (current === null) return refuse('not-found', `group ${key.group} has no place`);
  const fault = faultOfExpected(current, expected);
  if (fault !== null) return fault;
  edit.delete('placement', key);
  return edit.accept();
}

function faultOfShape({ groups, groupLanes, lanes }: ShapeValue): Refused | null {
  return (
    faultOfRange('groups', groups, 1, JOURNAL_GROUPS_MAX) ??
    faultOfRange('groupLanes', groupLanes, 1, JOURNAL_LANES_MAX) ??
    faultOfRange('lanes', lanes, groupLanes, JOURNAL_LANES_MAX)
  );
}

function faultOfPlacement(edit: Edit, { group, replicas, leader }: PlacementValue): Refused | null {
  if (replicas.length === 0 || replicas.length > REPLICAS_MAX) return refuse('invalid', `replicas: 1 to ${REPLICAS_MAX}`);
  if (new Set(replicas).size !== replicas.length) return refuse('invalid', 'replicas: a node is named twice');
  for (const id of replicas) {
    const fault = faultOfNode(edit, id);
    if (fault !== null) return fault;
    const shape = edit.tables.get('shape', { node: id });
    if (shape === null || !isGroup(group, shape)) return refuse('not-found', `the journal of node ${id} has no group ${group}`);
  }
  return leader === 0 || replicas.includes(leader) ? null : refuse('invalid', `leader: node ${leader} is none of the replicas`);
}

function faultOfNode(edit: Edit, id: number): Refused | null {
  const node = edit.tables.get('node', { id });
  return node === null || node.state === 'removed' ? refuse('not-found', `there is no node ${id}`) : null;
}

function isGroup(group: number, { groups, lanes }: ShapeValue): boolean {
  if (group >= SESSION_GROUPS_FROM) return group < SESSION_GROUPS_FROM + lanes;
  return group >= MEMORY_GROUPS_FROM ? group < MEMORY_GROUPS_FROM + groups : group < groups;
}
