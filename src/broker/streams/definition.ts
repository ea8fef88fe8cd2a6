import type { PartitionSettings, StreamId } from '../../journal/ports.js';

/** A stream of the catalogue, with the topics that are bound to it. Plain data: it crosses threads. */
export interface StreamDefinition {
  /** For good; not used again after the stream was deleted. */
  readonly id: StreamId;
  readonly tenant: string;
  /** Legal as the name of a Kafka topic. */
  readonly name: string;
  readonly partitions: number;
  readonly storage: 'lmdb' | 'memory';
  readonly settings: PartitionSettings;
  /** Topic filters whose messages go here. */
  readonly filters: readonly string[];
  /** See key-template.ts. */
  readonly key: string;
  /** QoS 0 too. */
  readonly takesQos0: boolean;
  /** system: always there. settings: named in the settings file. command: made while the node ran. */
  readonly origin: 'system' | 'settings' | 'command';
}

/** QoS 1 and 2 of topics that nothing else is bound to. */
export const CATCH_ALL = 'mqtt';
/** The last retained message of each topic. */
export const RETAINED = 'mqtt.retained';
