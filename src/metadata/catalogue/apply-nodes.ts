import type { Command, CommandOutcome, Refused } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import { settingsOfNode } from './keys.js';
import { ADDRESS_LENGTH_MAX, FIRST_VOTERS_MAX, PASSWORD_HASH_LENGTH_MAX } from './limits.js';
import type { NodeValue } from './resources.js';
import { faultOfControls, faultOfLength, faultOfName, faultOfRange } from './syntax.js';

/* The cluster and its nodes. A node is one for all time: neither its number nor its UUID comes again. */

export function initialiseCluster(edit: Edit, { id, name, tokenHash, firstVoters }: Command<'initialise-cluster'>): CommandOutcome {
  const current = edit.tables.get('cluster', {});
  if (current !== null)
    return current.id === id ? edit.acceptUnchanged() : refuse('exists', `this is the cluster ${current.id}`, current.revision);
  const fault = faultOfName('id', id) ?? faultOfCluster(name, tokenHash) ?? faultOfRange('firstVoters', firstVoters, 1, FIRST_VOTERS_MAX);
  if (fault !== null) return fault;
  edit.counters.nodeIdNext = Math.max(edit.counters.nodeIdNext, firstVoters + 1);
  edit.put('cluster', { id, name, createdAtMs: edit.atMs, tokenHash });
  return edit.accept();
}

export function changeCluster(edit: Edit, { name, tokenHash, expected }: Command<'change-cluster'>): CommandOutcome {
  const current = edit.tables.get('cluster', {});
  if (current === null) return refuse('not-found', 'there is no cluster yet');
  const fault = faultOfCluster(name, tokenHash) ?? faultOfExpected(current, expected);
  if (fault !== null) return fault;
  edit.put('cluster', { ...current, name, tokenHash });
  return edit.accept();
}

export function registerNode(edit: Edit, { id, uuid, name, address, roles, version }: Command<'register-node'>): CommandOutcome {
  const { tables, counters } = edit;
  if (id >= counters.nodeIdNext) return refuse('invalid', `id: ${id} is that of no first voter`);
  const holder = id === 0 ? null : tables.get('node', { id });
  if (holder !== null && holder.uuid !== uuid)
    return refuse(
      'in-use',
      `node ${id} is another one, with the UUID ${holder.uuid}; a machine with an empty disk joins as a new node`,
      holder.revision,
    );
  const known = tables.capture('node').find((node) => node.uuid === uuid);
  if (known !== undefined) {
    if (known.state !== 'removed') return edit.acceptUnchanged(known.id);
    return refuse(
      'in-use',
      `node ${known.id} with this UUID was removed; a machine joins again with an empty data directory`,
      known.revision,
    );
  }
  const node: NodeValue = {
    id: id === 0 ? counters.nodeIdNext : id,
    uuid,
    name,
    address,
    roles,
    version,
    state: 'joining',
    joinedAtMs: edit.atMs,
  };
  const fault = faultOfName('uuid', uuid) ?? faultOfNode(node) ?? edit.faultOfCount('node', 1);
  if (fault !== null) return fault;
  if (id === 0) counters.nodeIdNext += 1;
  edit.put('node', node);
  return edit.accept(node.id);
}

export function changeNode(edit: Edit, { id, name, address, roles, version, state, expected }: Command<'change-node'>): CommandOutcome {
  const current = edit.tables.get('node', { id });
  if (current === null || current.state === 'removed') return refuse('not-found', `there is no node ${id}`, current?.revision);
  const changed: NodeValue = { ...current, name, address, roles, version, state };
  const fault = faultOfNode(changed) ?? faultOfExpected(current, expected);
  if (fault !== null) return fault;
  if (state === 'joining' && current.state !== 'joining') return refuse('invalid', `state: it is ${current.state}`, current.revision);
  edit.put('node', changed);
  return edit.accept();
}

/** The record stays. What was set for this node alone goes. */
export function removeNode(edit: Edit, { id, expected }: Command<'remove-node'>): CommandOutcome {
  const { tables } = edit;
  const current = tables.get('node', { id });
  if (current === null || current.state === 'removed') return refuse('not-found', `there is no node ${id}`, current?.revision);
  const fault = faultOfExpected(current, expected);
  if (fault !== null) return fault;
  const placed = tables.capture('placement').find(({ replicas }) => replicas.includes(id));
  if (placed !== undefined) return refuse('in-use', `group ${placed.group} of the journal has a replica on it`, current.revision);
  if (tables.get('shape', { node: id }) !== null) edit.delete('shape', { node: id });
  for (const setting of tables.between('setting', settingsOfNode(id))) edit.delete('setting', setting);
  edit.put('node', { ...current, state: 'removed' });
  return edit.accept();
}

function faultOfCluster(name: string, tokenHash: string): Refused | null {
  return faultOfName('name', name) ?? faultOfLength('tokenHash', tokenHash, PASSWORD_HASH_LENGTH_MAX);
}

function faultOfNode({ name, address, roles, version }: NodeValue): Refused | null {
  return (
    faultOfName('name', name) ??
    faultOfLength('address', address, ADDRESS_LENGTH_MAX) ??
    faultOfControls('address', address) ??
    faultOfName('version', version) ??
    (new Set(roles).size !== roles.length ? refuse('invalid', 'roles: one is named twice') : null)
  );
}
