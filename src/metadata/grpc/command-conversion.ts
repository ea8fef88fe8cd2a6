import type { Command, CommandEnvelope, CommandOutcome, RefusalCode } from '../catalogue/commands.js';
import { REQUEST_ID_BYTES } from '../catalogue/commands.js';
import { invalidRequest } from './error-status.js';
import { type Command as CommandMessage, type OffsetCommit, type Outcome, Refusal } from './generated/robustmq/v1/catalogue.js';
import type { Key, Resource } from './generated/robustmq/v1/resources.js';
import { keyFromWire } from './key-conversion.js';
import { epochFromWire, resourceFromWire, tenantOf } from './resource-conversion.js';

/*
  What clients may ask for, as commands of the catalogue. Nodes register by Cluster.Join, and tell their own shape; nobody else does it for
  them.
*/

/** @throws CallFailure */
export function putFromWire(resource: Resource | undefined, expectedRevision: number | undefined): Command {
  const expected = expectedRevision ?? null;
  const given = resourceFromWire(resource);
  switch (given.kind) {
    case 'tenant':
      return { kind: 'put-tenant', value: given.value, expected };
    case 'user':
      return { kind: 'put-user', value: given.value, expected };
    case 'acl-rule':
      return { kind: 'put-acl-rule', value: given.value, expected };
    case 'ban':
      return { kind: 'put-ban', value: given.value, expected };
    case 'retained-settings':
      return { kind: 'put-retained-settings', value: given.value, expected };
    case 'auto-subscription':
      return { kind: 'put-auto-subscription', value: given.value, expected };
    case 'topic-rewrite':
      return { kind: 'put-topic-rewrite', value: given.value, expected };
    case 'connector':
      return { kind: 'put-connector', value: given.value, expected };
    case 'rule':
      return { kind: 'put-rule', value: given.value, expected };
    case 'setting':
      return { kind: 'put-setting', value: given.value, expected };
    case 'placement':
      return { kind: 'place-group', value: given.value, expected };
    case 'cluster':
      return { kind: 'change-cluster', name: given.value.name, tokenHash: given.value.tokenHash, expected };
    case 'schema':
      return { kind: 'put-schema', schema: given.value, expected };
    case 'stream':
      if (expected === 0) return { kind: 'create-stream', stream: { ...given.value, origin: 'command' } };
      return { kind: 'change-stream', stream: given.value, expected };
    default:
      throw invalidRequest(`a resource of the kind ${given.kind} cannot be put`);
  }
}

/** @throws CallFailure */
export function deleteFromWire(message: Key | undefined, expectedRevision: number | undefined): Command {
  const expected = expectedRevision ?? null;
  const given = keyFromWire(message);
  switch (given.kind) {
    case 'tenant':
      return { kind: 'delete-tenant', key: given.key, expected };
    case 'user':
      return { kind: 'delete-user', key: given.key, expected };
    case 'acl-rule':
      return { kind: 'delete-acl-rule', key: given.key, expected };
    case 'ban':
      return { kind: 'delete-ban', key: given.key, expected };
    case 'retained-settings':
      return { kind: 'delete-retained-settings', key: given.key, expected };
    case 'auto-subscription':
      return { kind: 'delete-auto-subscription', key: given.key, expected };
    case 'topic-rewrite':
      return { kind: 'delete-topic-rewrite', key: given.key, expected };
    case 'connector':
      return { kind: 'delete-connector', key: given.key, expected };
    case 'rule':
      return { kind: 'delete-rule', key: given.key, expected };
    case 'setting':
      return { kind: 'delete-setting', key: given.key, expected };
    case 'stream':
      return { kind: 'delete-stream', key: given.key, expected };
    case 'placement':
      return { kind: 'unplace-group', key: given.key, expected };
    case 'group':
      return { kind: 'delete-group', key: given.key, expected };
    case 'schema':
      return { kind: 'delete-schema', key: given.key, expected };
    default:
      throw invalidRequest(`a resource of the kind ${given.kind} cannot be deleted`);
  }
}

/** @throws CallFailure */
export function commitFromWire(commit: OffsetCommit | undefined): Command {
  if (commit === undefined) throw invalidRequest('no offsets are given');
  const { tenant, group, generation, offsets } = commit;
  return {
    kind: 'commit-offsets',
    tenant: tenantOf(tenant),
    group,
    generation,
    offsets: offsets.map((position) => ({ ...position, leaderEpoch: epochFromWire(position.leaderEpoch) })),
  };
}

/** @throws CallFailure */
export function commandFromWire({ command }: CommandMessage): Command {
  switch (command?.$case) {
    case 'put':
      return putFromWire(command.value.resource, command.value.expectedRevision);
    case 'delete':
      return deleteFromWire(command.value.key, command.value.expectedRevision);
    case 'commitOffsets':
      return commitFromWire(command.value);
    default:
      throw invalidRequest('no command is given');
  }
}

/** @param requestId empty: it is applied each time. @throws CallFailure */
export function envelopeOf(command: Command, requestId: Uint8Array): CommandEnvelope {
  if (requestId.length === 0) return { command, requestId: null };
  if (requestId.length !== REQUEST_ID_BYTES) throw invalidRequest('a request id has 16 bytes, or none');
  return { command, requestId };
}

const REFUSALS = {
  conflict: Refusal.CONFLICT,
  'not-found': Refusal.NOT_FOUND,
  exists: Refusal.EXISTS,
  invalid: Refusal.INVALID,
  limit: Refusal.LIMIT,
  'in-use': Refusal.IN_USE,
} as const satisfies Record<RefusalCode, Refusal>;

export function outcomeToWire(outcome: CommandOutcome): Outcome {
  if (outcome.isOk) return { refusal: Refusal.NONE, revision: outcome.revision, id: outcome.id, detail: '' };
  return { refusal: REFUSALS[outcome.code], revision: outcome.currentRevision, id: 0, detail: outcome.detail };
}
