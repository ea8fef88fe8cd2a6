import { Catalogue } from '../../src/metadata/catalogue/catalogue.js';
import { encodeBatch } from '../../src/metadata/catalogue/command-codec.js';
import type { Command, CommandOutcome } from '../../src/metadata/catalogue/commands.js';
import { encodeDelta } from '../../src/metadata/catalogue/delta-codec.js';
import { RESOURCE_KINDS } from '../../src/metadata/catalogue/record-forms.js';
import { firstCommands } from '../../src/runtime/first-commands.js';
import type { LegacyStreams } from '../../src/runtime/legacy-streams.js';
import { StreamCatalogue, streamDefaults } from '../../src/runtime/stream-catalogue.js';
import { ThreadCatalogue } from '../../src/runtime/thread-catalogue.js';

const SELF = { id: 1, uuid: 'u1', name: 'node-1', address: '127.0.0.1:1228', roles: ['meta'], version: '1' } as const;

/** The catalogue of a new cluster and one copy of it, without threads, log and disk between them. */
export class OneCatalogue {
  readonly copy: ThreadCatalogue = new ThreadCatalogue();
  readonly streams: StreamCatalogue;
  /** What the copy was told, encoded. */
  readonly deltas: Uint8Array[] = [];
  readonly #catalogue: Catalogue;
  #index = 1;

  constructor(legacy: LegacyStreams | null = null) {
    this.#catalogue = new Catalogue({
      onDelta: (delta) => {
        const bytes = encodeDelta(delta, null);
        this.deltas.push(bytes);
        this.copy.apply(bytes);
      },
    });
    this.streams = new StreamCatalogue(this.copy, (commands) => Promise.resolve(this.apply(commands)));
    const cluster = { clusterId: 'c', clusterName: 'test', tokenHash: '', firstVoters: 1 };
    this.apply(firstCommands({ ...cluster, self: SELF, legacy, streamDefaults: streamDefaults() }));
    this.#catalogue.isReporting = true;
    this.copy.load([...this.#catalogue.encodeFull(RESOURCE_KINDS)]);
  }

  apply(commands: readonly Command[]): readonly CommandOutcome[] {
    this.#index += 1;
    const data = encodeBatch({ atMs: 1_700_000_000_000, envelopes: commands.map((command) => ({ command, requestId: null })) });
    return this.#catalogue.apply({ index: this.#index, term: 1, type: 'normal', data });
  }
}
