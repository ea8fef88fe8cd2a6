import type { ResourceKind } from './resources.js';

/*
  How many and how large. Part of the state machine: another number gives other outcomes, so it may only change together with the version of
  all nodes. Lengths of texts are UTF-16 units.
*/

export const NAME_LENGTH_MAX = 255;
export const COMMENT_LENGTH_MAX = 1024;
export const PASSWORD_HASH_LENGTH_MAX = 1024;
export const SCRAM_KEYS_MAX = 8;
export const ADDRESS_LENGTH_MAX = 512;
export const FILTER_LENGTH_MAX = 65_535;
export const PATTERN_LENGTH_MAX = 4096;
export const KEY_TEMPLATE_LENGTH_MAX = 1024;
export const JSON_LENGTH_MAX = 65_536;
export const SCHEMA_LENGTH_MAX = 65_536;
export const SQL_LENGTH_MAX = 65_536;
export const OFFSET_METADATA_LENGTH_MAX = 4096;

export const STREAM_FILTERS_MAX = 10_000;
export const PARTITIONS_MAX = 100_000;
export const JOURNAL_GROUPS_MAX = 1024;
export const JOURNAL_LANES_MAX = 0x8000;
export const FIRST_VOTERS_MAX = 15;
export const REPLICAS_MAX = 15;
export const OFFSETS_PER_COMMIT_MAX = 10_000;

/** Outcomes that are remembered for clients that ask again. */
export const REQUESTS_REMEMBERED = 65_536;
/** A command that is longer is not written. */
export const COMMAND_BYTES_MAX: number = 4 * 1024 * 1024;
export const COMMANDS_PER_BATCH_MAX = 65_536;

const MANY = 1_000_000;

export const RECORDS_MAX: Readonly<Record<ResourceKind, number>> = {
  cluster: 1,
  node: 10_000, // With those that were removed.
  tenant: 100_000,
  user: MANY,
  'acl-rule': MANY,
  ban: MANY,
  stream: 100_000,
  'deleted-stream': MANY,
  shape: 10_000,
  placement: 65_536,
  group: MANY,
  offset: MANY,
  'retained-settings': 100_000,
  'auto-subscription': MANY,
  'topic-rewrite': MANY,
  connector: MANY,
  rule: MANY,
  'schema-subject': MANY,
  schema: MANY,
  setting: MANY,
};
