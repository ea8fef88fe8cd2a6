import { ManualClock, SystemClock } from '../../../src/base/clock.js';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { Catalogue } from '../../../src/metadata/catalogue/catalogue.js';
import { encodeBatch } from '../../../src/metadata/catalogue/command-codec.js';
import type { Command, CommandEnvelope, CommandOutcome } from '../../../src/metadata/catalogue/commands.js';
import type { Delta } from '../../../src/metadata/catalogue/delta.js';
import type {
  ClusterAnswer,
  JoinAnswer,
  JoiningNode,
  MetadataAccess,
  MqttAccess,
  MqttCall,
  MqttReply,
  StreamDefaults,
} from '../../../src/metadata/grpc/ports.js';
import { GrpcServer, type GrpcServerOptions } from '../../../src/metadata/grpc/server.js';
import type { MemberRow, NodeStatus } from '../../../src/metadata/node-status.js';
import type { CatalogueReader } from '../../../src/metadata/ports.js';
import type { ProposeAnswer, ReadAnswer, RequestFailure } from '../../../src/metadata/requests.js';
import { AT_MS, UUID } from '../catalogue/samples.js';

export const STREAM_DEFAULTS: StreamDefaults = {
  partitions: 16,
  storage: 'lmdb',
  settings: { flush: 'commit', retention: { timeMs: 604_800_000, bytes: 2 ** 30, records: 0 }, isCompacted: false, tombstoneMs: 0 },
  filters: [],
  key: '{topic}',
  takesQos0: false,
};

/** A cluster of one real catalogue and no log: it answers at once, or as it is told. */
export class StubAccess implements MetadataAccess {
  readonly #listeners = new Set<(delta: Delta) => void>();
  #catalogue: Catalogue;
  readonly #clock: ManualClock = new ManualClock(AT_MS);
  #index = 0;
  /** What everything is answered with; null: as it should be. */
  failure: RequestFailure | null = null;
  /** Nothing is answered: `release` does it later. */
  isHolding = false;
  #held: (() => void)[] = [];
  readonly joined: JoiningNode[] = [];
  joinAnswer: JoinAnswer = { kind: 'joined', clusterId: UUID, nodeId: 2, peers: [{ id: 1, address: '127.0.0.1:1228' }] };
  readonly changed: string[] = [];
  changeAnswer: ClusterAnswer = { kind: 'done' };
  proposals = 0;
  reads = 0;

  constructor() {
    this.#catalogue = this.#found();
  }

  /** The node joins another cluster. */
  replace(): void {
    this.#catalogue = this.#found();
    const { revision } = this.reader;
    for (const listener of this.#listeners) listener({ type: 'reset', revision, index: this.#index });
  }

  get reader(): CatalogueReader {
    return this.#catalogue.reader;
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  get held(): number {
    return this.#held.length;
  }

  run(...commands: readonly Command[]): readonly CommandOutcome[] {
    return this.#apply(commands.map((command) => ({ command, requestId: null })));
  }

  release(): void {
    this.isHolding = false;
    for (const answer of this.#held.splice(0)) answer();
  }

  propose(envelopes: readonly CommandEnvelope[], _deadlineMs: number, done: (answer: ProposeAnswer) => void): void {
    this.proposals += 1;
    this.#answer(() => {
      if (this.failure !== null) done(this.failure);
      else done({ kind: 'applied', index: this.#index, result: this.#apply(envelopes) });
    });
  }

  read(_deadlineMs: number, done: (answer: ReadAnswer) => void): void {
    this.reads += 1;
    this.#answer(() => done(this.failure ?? { kind: 'fresh' }));
  }

  watch(listener: (delta: Delta) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): NodeStatus {
    return {
      clusterId: UUID,
      nodeId: 1,
      role: 'leader',
      leader: 1,
      term: 3,
      commitIndex: this.#index,
      appliedIndex: this.#index,
      snapshotIndex: 0,
      revision: this.reader.revision,
      voters: [1],
      learners: [],
      termChanges: 1,
    };
  }

  members(): readonly MemberRow[] {
    const node = { name: 'a', roles: ['meta', 'broker'], version: '0.1.0', state: 'active' } as const;
    return [
      { ...node, id: 1, address: '127.0.0.1:1228', membership: 'voter', isLeader: true, lag: 0, isReachable: true },
      { ...node, id: 2, address: '127.0.0.2:1228', membership: 'none', isLeader: false, lag: null, isReachable: null },
    ];
  }

  join(node: JoiningNode, _deadlineMs: number, done: (answer: JoinAnswer) => void): void {
    this.joined.push(node);
    this.#answer(() => done(this.joinAnswer));
  }

  leave(node: number, _deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    this.#change(`leave ${node}`, done);
  }

  transfer(to: number, _deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    this.#change(`transfer ${to}`, done);
  }

  promote(node: number, _deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    this.#change(`promote ${node}`, done);
  }

  #change(what: string, done: (answer: ClusterAnswer) => void): void {
    this.changed.push(what);
    this.#answer(() => done(this.changeAnswer));
  }

  #answer(answer: () => void): void {
    if (this.isHolding) this.#held.push(answer);
    else answer();
  }

  #found(): Catalogue {
    const catalogue = new Catalogue({
      onDelta: (delta) => {
        for (const listener of this.#listeners) listener(delta);
      },
    });
    const command = { kind: 'initialise-cluster', id: UUID, name: 'plant', tokenHash: '', firstVoters: 1 } as const;
    this.#applyTo(catalogue, [{ command, requestId: null }]);
    catalogue.isReporting = true;
    return catalogue;
  }

  #apply(envelopes: readonly CommandEnvelope[]): readonly CommandOutcome[] {
    return this.#applyTo(this.#catalogue, envelopes);
  }

  #applyTo(catalogue: Catalogue, envelopes: readonly CommandEnvelope[]): readonly CommandOutcome[] {
    this.#index += 1;
    const data = encodeBatch({ atMs: this.#clock.nowMs(), envelopes });
    return catalogue.apply({ term: 1, index: this.#index, type: 'normal', data });
  }
}

/** Who is asked about MQTT: answers as it is told. */
export class StubMqtt implements MqttAccess {
  readonly calls: MqttCall[] = [];
  reply: MqttReply = { kind: 'answered', response: new Uint8Array() };

  ask(call: MqttCall, done: (reply: MqttReply) => void): void {
    this.calls.push(call);
    done(this.reply);
  }
}

export function serverOptions(access: MetadataAccess): GrpcServerOptions {
  return {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    token: '',
    allowsStrangers: true,
    access,
    mqtt: new StubMqtt(),
    streamDefaults: STREAM_DEFAULTS,
    offers: [],
    clock: new SystemClock(),
    log: SILENT_LOGGER,
  };
}

export interface RunningStub {
  readonly access: StubAccess;
  readonly server: GrpcServer;
  readonly address: string;
}

/** A server on a free port, that stops with the test. */
export async function startStub(
  context: { after(end: () => Promise<void>): void },
  changes: Partial<GrpcServerOptions> = {},
): Promise<RunningStub> {
  const access = new StubAccess();
  const server = await GrpcServer.start({ ...serverOptions(access), ...changes });
  context.after(() => server.stop(0));
  void server.setServing(true);
  return { access, server, address: `127.0.0.1:${server.port}` };
}
