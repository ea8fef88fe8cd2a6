import { BrokerError } from '../base/errors.js';
import type { StreamDefinition } from '../broker/streams/definition.js';
import { RETAINED } from '../broker/streams/definition.js';
import { faultOfTemplate } from '../broker/streams/key-template.js';
import { isStreamName } from '../broker/streams/topic-name.js';
import type { Command, CommandOutcome } from '../metadata/catalogue/commands.js';
import { type StreamWish, TENANT_DEFAULT } from '../metadata/catalogue/resources.js';
import type { StreamDefaults } from '../metadata/grpc/ports.js';
import { checkFilter } from '../protocols/mqtt/topic-syntax.js';
import { faultsOfStream, STREAM_SCHEMA, type StreamSettings } from '../settings/journal-schema.js';
import type { ThreadCatalogue } from './thread-catalogue.js';

const LEVELS_MAX = 65_535;

/** Takes commands to the catalogue. Whoever answers has told this thread's copy first. */
export type Propose = (commands: readonly Command[]) => Promise<readonly CommandOutcome[]>;

/** Streams as settings and operators want them, made commands of the catalogue. On the main thread. */
export class StreamCatalogue {
  readonly #catalogue: ThreadCatalogue;
  readonly #propose: Propose;

  constructor(catalogue: ThreadCatalogue, propose: Propose) {
    this.#catalogue = catalogue;
    this.#propose = propose;
  }

  /** Of the default tenant. */
  get streams(): readonly StreamDefinition[] {
    return this.#catalogue.streams.filter(({ tenant }) => tenant === TENANT_DEFAULT);
  }

  find(name: string): StreamDefinition | undefined {
    return this.#catalogue.find(name);
  }

  /** @throws BrokerError RMQ-1022, RMQ-1029. */
  async create(wanted: StreamSettings): Promise<StreamDefinition> {
    const [fault] = faultsOfStream(wanted);
    if (fault !== undefined) throw refusal(wanted.name, fault);
    checkBindings(wanted);
    if (this.find(wanted.name) !== undefined) throw refusal(wanted.name, 'there is one of this name already');
    await this.#change({ kind: 'create-stream', stream: wishOf(wanted, 'command') }, wanted.name);
    const stream = this.find(wanted.name);
    if (stream === undefined) throw new BrokerError('RMQ-1023', `(stream "${wanted.name}", which was deleted at the same time)`);
    return stream;
  }

  /** The shards forget its records. @throws BrokerError RMQ-1022, RMQ-1023, RMQ-1029. */
  async delete(name: string): Promise<StreamDefinition> {
    const stream = this.find(name);
    if (stream === undefined) throw new BrokerError('RMQ-1023', `(stream "${name}")`);
    await this.#change({ kind: 'delete-stream', key: { tenant: TENANT_DEFAULT, name }, expected: null }, name);
    return stream;
  }

  /** Streams of the settings become as they say; those that they named once stay, with no topics bound to them. @throws BrokerError RMQ-1022, RMQ-1029. */
  async takeSettings(wanted: readonly StreamSettings[]): Promise<void> {
    const names = new Set(wanted.map(({ name }) => name));
    const commands: Command[] = [];
    for (const stream of this.streams) {
      if (stream.origin !== 'settings' || names.has(stream.name)) continue;
      const { id: _, ...wish } = stream;
      commands.push({ kind: 'change-stream', stream: { ...wish, filters: [], origin: 'command' }, expected: null });
    }
    for (const stream of wanted) {
      const command = this.#commandOf(stream);
      if (command !== null) commands.push(command);
    }
    if (commands.length === 0) return;
    const outcomes = await this.#propose(commands);
    for (const [at, outcome] of outcomes.entries()) {
      const command = commands[at];
      if (!outcome.isOk && 'stream' in command) throw refusal(command.stream.name, outcome.detail);
    }
  }

  /** @returns null if the stream is as the settings want it. */
  #commandOf(wanted: StreamSettings): Command | null {
    checkBindings(wanted);
    const known = this.find(wanted.name);
    const wish = wishOf(wanted, known?.origin === 'system' ? 'system' : 'settings');
    if (known === undefined) return { kind: 'create-stream', stream: wish };
    if (known.name === RETAINED && !wanted.compact) throw refusal(wanted.name, 'it is compacted: write compact = true');
    const { id: _, ...current } = known;
    if (isSame(current, wish)) return null;
    return { kind: 'change-stream', stream: wish, expected: null };
  }

  async #change(command: Command, name: string): Promise<void> {
    const [outcome] = await this.#propose([command]);
    if (outcome.isOk) return;
    if (outcome.code === 'not-found') throw new BrokerError('RMQ-1023', `(stream "${name}")`);
    throw refusal(name, outcome.detail);
  }
}

/** As the settings have it. For threads that do not know the schema. */
export function streamDefaults(): StreamDefaults {
  const { tenant: _tenant, name: _name, origin: _origin, ...defaults } = wishOf(STREAM_SCHEMA.parse({ name: 'any' }), 'command');
  return defaults;
}

function wishOf(wanted: StreamSettings, origin: StreamWish['origin']): StreamWish {
  const { name, partitions, storage, filters, key, flush, compact } = wanted;
  const retention = { timeMs: wanted.retention_time, bytes: wanted.retention_bytes, records: wanted.retention_records };
  return {
    tenant: TENANT_DEFAULT,
    name,
    partitions,
    storage,
    settings: { flush, retention, isCompacted: compact, tombstoneMs: wanted.tombstone_time },
    filters,
    key,
    takesQos0: wanted.qos0,
    origin,
  };
}

function isSame(a: StreamWish, b: StreamWish): boolean {
  const parts = ({ name, partitions, storage, settings, filters, key, takesQos0, origin }: StreamWish): string => {
    const { flush, retention, isCompacted, tombstoneMs } = settings;
    const { timeMs, bytes, records } = retention;
    return JSON.stringify([
      name,
      partitions,
      storage,
      flush,
      timeMs,
      bytes,
      records,
      isCompacted,
      tombstoneMs,
      filters,
      key,
      takesQos0,
      origin,
    ]);
  };
  return parts(a) === parts(b);
}

function checkBindings({ name, filters, key }: StreamSettings): void {
  if (!isStreamName(name)) throw refusal(name, 'this is no name for a stream');
  const fault = faultOfTemplate(key);
  if (fault !== null) throw refusal(name, `key: ${fault}`);
  for (const filter of filters)
    if (checkFilter(filter, LEVELS_MAX) !== 'ok') throw refusal(name, `filters: ${JSON.stringify(filter)} is no topic filter`);
}

function refusal(name: string, why: string): BrokerError {
  return new BrokerError('RMQ-1022', `"${name}": ${why}`);
}
