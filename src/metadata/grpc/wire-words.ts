import { keysOf } from '../catalogue/forms.js';
import type {
  AclRuleValue,
  BanValue,
  NodeRole,
  NodeState,
  Principal,
  SchemaWish,
  StreamWish,
  TopicRewriteValue,
} from '../catalogue/resources.js';
import { invalidRequest } from './error-status.js';
import * as cluster from './generated/robustmq/v1/cluster.js';
import * as resources from './generated/robustmq/v1/resources.js';
import * as streams from './generated/robustmq/v1/streams.js';

/* Our words, and the numbers of enumerations that stand for them in protocol buffers. */

export interface Words<W extends string, N extends number> {
  toWire(word: W): N;
  /** @throws CallFailure if the number stands for no word. */
  fromWire(number: number): W;
}

function words<W extends string, N extends number>(what: string, numbers: Readonly<Record<W, N>>): Words<W, N> {
  const byNumber = new Map<number, W>();
  for (const word of keysOf(numbers)) byNumber.set(numbers[word], word);
  return {
    toWire: (word) => numbers[word],
    fromWire(number) {
      const word = byNumber.get(number);
      if (word === undefined) throw invalidRequest(`${what} is missing or unknown`);
      return word;
    },
  };
}

export const NODE_ROLE: Words<NodeRole, cluster.NodeRole> = words('a role of a node', {
  meta: cluster.NodeRole.META,
  broker: cluster.NodeRole.BROKER,
  journal: cluster.NodeRole.JOURNAL,
});

export const NODE_STATE: Words<NodeState, cluster.NodeState> = words('the state of a node', {
  joining: cluster.NodeState.JOINING,
  active: cluster.NodeState.ACTIVE,
  leaving: cluster.NodeState.LEAVING,
  removed: cluster.NodeState.REMOVED,
});

export const PERMISSION: Words<AclRuleValue['permission'], resources.AclPermission> = words('the permission of a rule', {
  allow: resources.AclPermission.ALLOW,
  deny: resources.AclPermission.DENY,
});

export const PRINCIPAL_KIND: Words<Principal['kind'], resources.PrincipalKind> = words('the kind of a principal', {
  user: resources.PrincipalKind.USER,
  client: resources.PrincipalKind.CLIENT,
  address: resources.PrincipalKind.ADDRESS,
  any: resources.PrincipalKind.ANY,
});

export const ACL_ACTION: Words<AclRuleValue['actions'][number], resources.AclAction> = words('an action of a rule', {
  publish: resources.AclAction.PUBLISH,
  subscribe: resources.AclAction.SUBSCRIBE,
});

export const ACL_RETAIN: Words<AclRuleValue['retain'], resources.AclRetain> = words('which retain flag a rule is about', {
  any: resources.AclRetain.ANY,
  retained: resources.AclRetain.RETAINED,
  plain: resources.AclRetain.PLAIN,
});

export const BAN_KIND: Words<BanValue['kind'], resources.BanKind> = words('the kind of a ban', {
  client: resources.BanKind.CLIENT,
  user: resources.BanKind.USER,
  address: resources.BanKind.ADDRESS,
  'client-pattern': resources.BanKind.CLIENT_PATTERN,
  'user-pattern': resources.BanKind.USER_PATTERN,
});

export const REWRITE_ACTION: Words<TopicRewriteValue['action'], resources.RewriteAction> = words('the action of a rewrite', {
  publish: resources.RewriteAction.PUBLISH,
  subscribe: resources.RewriteAction.SUBSCRIBE,
  all: resources.RewriteAction.ALL,
});

export const SCHEMA_TYPE: Words<SchemaWish['type'], resources.SchemaType> = words('the type of a schema', {
  json: resources.SchemaType.JSON,
  avro: resources.SchemaType.AVRO,
  protobuf: resources.SchemaType.PROTOBUF,
});

export const STREAM_STORAGE: Words<StreamWish['storage'], streams.StreamStorage> = words('the storage of a stream', {
  lmdb: streams.StreamStorage.LMDB,
  memory: streams.StreamStorage.MEMORY,
});

export const STREAM_FLUSH: Words<StreamWish['settings']['flush'], streams.StreamFlush> = words('the flush of a stream', {
  commit: streams.StreamFlush.COMMIT,
  interval: streams.StreamFlush.INTERVAL,
  none: streams.StreamFlush.NONE,
});

export const STREAM_ORIGIN: Words<StreamWish['origin'], streams.StreamOrigin> = words('the origin of a stream', {
  system: streams.StreamOrigin.SYSTEM,
  settings: streams.StreamOrigin.SETTINGS,
  command: streams.StreamOrigin.COMMAND,
});
