import { changeCluster, changeNode, initialiseCluster, registerNode, removeNode } from './apply-nodes.js';
import { commitOffsets, deleteGroup } from './apply-offsets.js';
import { placeGroup, putShape, unplaceGroup } from './apply-placement.js';
import { deletePlain, putPlain } from './apply-plain.js';
import { deleteSchema, putSchema } from './apply-schemas.js';
import { changeStream, createStream, deleteStream, importStreams } from './apply-streams.js';
import { deleteTenant, putTenant } from './apply-tenants.js';
import type { Command, CommandKind, CommandOutcome } from './commands.js';
import type { Edit } from './edit.js';

type Rule<K extends CommandKind> = (edit: Edit, command: Command<K>) => CommandOutcome;

const RULES: { readonly [K in CommandKind]: Rule<K> } = {
  'initialise-cluster': initialiseCluster,
  'change-cluster': changeCluster,
  'register-node': registerNode,
  'change-node': changeNode,
  'remove-node': removeNode,
  'put-tenant': putTenant,
  'delete-tenant': deleteTenant,
  'create-stream': createStream,
  'change-stream': changeStream,
  'delete-stream': deleteStream,
  'put-shape': putShape,
  'place-group': placeGroup,
  'unplace-group': unplaceGroup,
  'commit-offsets': commitOffsets,
  'delete-group': deleteGroup,
  'put-schema': putSchema,
  'delete-schema': deleteSchema,
  import: importStreams,
  'put-user': (edit, { value, expected }) => putPlain(edit, 'user', value, expected),
  'delete-user': (edit, { key, expected }) => deletePlain(edit, 'user', key, expected),
  'put-acl-rule': (edit, { value, expected }) => putPlain(edit, 'acl-rule', value, expected),
  'delete-acl-rule': (edit, { key, expected }) => deletePlain(edit, 'acl-rule', key, expected),
  'put-ban': (edit, { value, expected }) => putPlain(edit, 'ban', value, expected),
  'delete-ban': (edit, { key, expected }) => deletePlain(edit, 'ban', key, expected),
  'put-retained-settings': (edit, { value, expected }) => putPlain(edit, 'retained-settings', value, expected),
  'delete-retained-settings': (edit, { key, expected }) => deletePlain(edit, 'retained-settings', key, expected),
  'put-auto-subscription': (edit, { value, expected }) => putPlain(edit, 'auto-subscription', value, expected),
  'delete-auto-subscription': (edit, { key, expected }) => deletePlain(edit, 'auto-subscription', key, expected),
  'put-topic-rewrite': (edit, { value, expected }) => putPlain(edit, 'topic-rewrite', value, expected),
  'delete-topic-rewrite': (edit, { key, expected }) => deletePlain(edit, 'topic-rewrite', key, expected),
  'put-connector': (edit, { value, expected }) => putPlain(edit, 'connector', value, expected),
  'delete-connector': (edit, { key, expected }) => deletePlain(edit, 'connector', key, expected),
  'put-rule': (edit, { value, expected }) => putPlain(edit, 'rule', value, expected),
  'delete-rule': (edit, { key, expected }) => deletePlain(edit, 'rule', key, expected),
  'put-setting': (edit, { value, expected }) => putPlain(edit, 'setting', value, expected),
  'delete-setting': (edit, { key, expected }) => deletePlain(edit, 'setting', key, expected),
};

export function applyCommand<K extends CommandKind>(edit: Edit, kind: K, command: Command<K>): CommandOutcome {
  return RULES[kind](edit, command);
}
