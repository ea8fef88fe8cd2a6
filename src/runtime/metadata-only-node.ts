import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { Settings } from '../settings/schema.js';
import { MetadataLink } from './metadata-link.js';
import type { ClusterQuestion } from './metadata-orders.js';
import { levelIndexOf } from './port-logger.js';
import type { NodeQuestion } from './questions.js';
import { ThreadCells } from './thread-cells.js';

const LOG_LEVEL_MS = 100;

/** A node with the role `meta` alone: it keeps the metadata of the cluster, and serves no clients. */
export class MetadataOnlyNode {
  readonly listeners: readonly never[] = [];
  readonly shardCount = 0;
  readonly transportKind = 'node';
  readonly webSocketEngine = 'none, this node has not the role broker';
  onFatal: (error: unknown) => void = () => {};
  readonly #metadata: MetadataLink;
  readonly #timer: NodeJS.Timeout;

  static async start(settings: Settings, log: Logger): Promise<MetadataOnlyNode> {
    const cells = ThreadCells.create(1);
    const handOver = {
      settings,
      cells: cells.memory,
      shape: null,
      hasJournal: false,
      legacy: null,
    };
    cells.logLevel = levelIndexOf(log);
    const node = new MetadataOnlyNode(new MetadataLink(handOver, log), log, cells);
    try {
      await node.#metadata.ready();
    } catch (error) {
      await node.stop();
      throw error;
    }
    node.#metadata.onFatal = (error) => node.onFatal(error);
    return node;
  }

  private constructor(metadata: MetadataLink, log: Logger, cells: ThreadCells) {
    this.#metadata = metadata;
    this.#timer = setInterval(() => {
      cells.logLevel = levelIndexOf(log);
    }, LOG_LEVEL_MS);
  }

  readonly certificates: { readonly authorityPath: string; reload(): [] } = { authorityPath: '', reload: () => [] };
  /** Metrics and health are of nodes with the role broker, so far. */
  readonly httpAddress = '';

  get grpcAddress(): string {
    return this.#metadata.grpcAddress;
  }

  connections(): number {
    return 0;
  }

  /** Of the cluster; it has no streams and sessions. @throws BrokerError. */
  query(question: NodeQuestion): Promise<object> {
    if (isOfCluster(question)) return this.#metadata.ask(question);
    return Promise.reject(new BrokerError('RMQ-1024', '(this node has the role meta alone; ask one with the role broker)'));
  }

  /** It has no audit log. */
  noteReload(): void {}

  status(): object {
    return { metadata: this.#metadata.status, shards: [] };
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#metadata.stop();
  }
}

function isOfCluster(question: NodeQuestion): question is ClusterQuestion {
  return question.verb.startsWith('cluster-');
}
