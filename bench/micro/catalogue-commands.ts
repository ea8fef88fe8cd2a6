import { Catalogue } from '../../src/metadata/catalogue/catalogue.js';
import { decodeBatch, encodeBatch } from '../../src/metadata/catalogue/command-codec.js';
import type { Command } from '../../src/metadata/catalogue/commands.js';
import { encodeDelta } from '../../src/metadata/catalogue/delta-codec.js';
import { RESOURCE_KINDS } from '../../src/metadata/catalogue/record-forms.js';
import { TENANT_DEFAULT } from '../../src/metadata/catalogue/resources.js';
import { CatalogueView } from '../../src/metadata/catalogue/view.js';
import type { MicroSuite } from './suite.js';

/* What a node does with each command of the log: the leader encodes it, everybody decodes and applies it. */

const COMMANDS = 256;
const USERS = 16_384;
const GROUPS = 1024;
const PARTITIONS = 64;
const AT_MS = 1_700_000_000_000;
const HASH = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b5dWRWJTmaaJObG';

export const suite: MicroSuite = {
  name: 'catalogue, commands',
  open() {
    const alone = new Catalogue({ onDelta: () => undefined });
    const view = new CatalogueView();
    const followed = new Catalogue({ onDelta: (delta) => view.apply(encodeDelta(delta, null)) });
    view.load(followed.encodeFull(RESOURCE_KINDS));
    followed.isReporting = true;
    let turn = 0;
    const pick = (commandAt: (number: number) => Command): Uint8Array => {
      turn += 1;
      return batchOf(Array.from({ length: COMMANDS }, (_, at) => commandAt(turn * COMMANDS + at)));
    };
    for (const catalogue of [alone, followed]) applyTo(catalogue, batchOf([streamCommand()]));
    const users = pick(userCommand);
    const commits = pick(commitCommand);
    return [
      { name: 'put-user, decode', operations: COMMANDS, run: () => void decodeBatch(users) },
      { name: 'put-user, encode, decode, apply', operations: COMMANDS, run: () => applyTo(alone, pick(userCommand)) },
      { name: 'commit-offsets, decode', operations: COMMANDS, run: () => void decodeBatch(commits) },
      { name: 'commit-offsets, encode, decode, apply', operations: COMMANDS, run: () => applyTo(alone, pick(commitCommand)) },
      {
        name: 'commit-offsets, the same with a copy that follows',
        operations: COMMANDS,
        run: () => applyTo(followed, pick(commitCommand)),
      },
    ];
  },
};

function applyTo(catalogue: Catalogue, data: Uint8Array): void {
  const index = catalogue.reader.index + 1;
  for (const outcome of catalogue.apply({ term: 1, index, type: 'normal', data })) if (!outcome.isOk) throw new Error(outcome.detail);
}

function batchOf(commands: readonly Command[]): Uint8Array {
  return encodeBatch({ atMs: AT_MS, envelopes: commands.map((command) => ({ command, requestId: null })) });
}

function userCommand(number: number): Command {
  const name = `user-${number % USERS}`;
  const value = { tenant: TENANT_DEFAULT, name, passwordHash: HASH, isSuperuser: false, comment: '', scram: [] };
  return { kind: 'put-user', value, expected: null };
}

function commitCommand(number: number): Command {
  const position = { stream: 1, partition: number % PARTITIONS, offset: number, leaderEpoch: -1, metadata: '' };
  return { kind: 'commit-offsets', tenant: TENANT_DEFAULT, group: `group-${number % GROUPS}`, generation: 0, offsets: [position] };
}

function streamCommand(): Command {
  return {
    kind: 'create-stream',
    stream: {
      tenant: TENANT_DEFAULT,
      name: 'events',
      partitions: PARTITIONS,
      storage: 'lmdb',
      settings: { flush: 'commit', retention: { timeMs: 0, bytes: 0, records: 0 }, isCompacted: false, tombstoneMs: 0 },
      filters: [],
      key: '{topic}',
      takesQos0: true,
      origin: 'command',
    },
  };
}
