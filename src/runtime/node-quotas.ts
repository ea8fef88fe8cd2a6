import { totalmem } from 'node:os';
import type { ShardId } from '../broker/ports.js';
import { METER, METERS_COUNT, type NodeQuotas, type Rates, type SharedLimits } from '../broker/quotas/ports.js';
import { QuotaTable } from '../broker/quotas/quota-table.js';
import type { OverloadLimits } from '../protocols/mqtt/overload.js';
import type { RateSettings, SharedLimitSettings } from '../settings/limits-schema.js';
import type { Settings } from '../settings/schema.js';
import type { ShardHandOver } from './orders.js';
import { residentBytes } from './resident-memory.js';

/** Addresses, users and tenants that are counted at a time. */
const ROWS = 16_384;
/** Of the memory that there is, if the settings say nothing. */
const MEMORY_SHARE = 0.9;
/** Of main's ticks of 100 ms. */
const RETIRE_TICKS = 50;

/** Main's side of the quotas that shards count together. */
export class QuotaMemory {
  readonly memory: SharedArrayBuffer;
  readonly #table: QuotaTable;
  #ticks = 0;

  constructor(shardCount: number) {
    this.memory = QuotaTable.memoryFor(ROWS, shardCount);
    this.#table = new QuotaTable(this.memory, shardCount, MAIN, 0);
  }

  tick(): void {
    this.#ticks += 1;
    if (this.#ticks % RETIRE_TICKS === 0) this.#table.retire();
  }

  onShardDown(shard: ShardId): void {
    this.#table.forgetShard(shard);
  }
}

const MAIN = -1;

/** What a shard's clients are limited to. */
export function nodeQuotas({ quotas, shard, peers, hashSeed, settings }: ShardHandOver): NodeQuotas {
  const { limits } = settings.mqtt;
  return {
    rows: new QuotaTable(quotas, peers.length, shard, hashSeed),
    onExcess: limits.on_excess,
    client: ratesOf(limits.client, 0),
    address: sharedOf(limits.address),
    user: sharedOf(limits.user),
    node: sharedOf(limits.node),
  };
}

/** When a shard sheds. */
export function overloadLimits({ mqtt: { overload } }: Settings): OverloadLimits {
  return {
    lagMaxMs: overload.enabled ? overload.lag_max : Number.POSITIVE_INFINITY,
    memoryMaxBytes: overload.memory_max > 0 ? overload.memory_max : memoryOfMachine() * MEMORY_SHARE,
    memoryBytes: residentBytes,
  };
}

/** What this process may have at most: of the machine, or of its control group. */
function memoryOfMachine(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

function sharedOf(settings: SharedLimitSettings): SharedLimits | null {
  const rates = ratesOf(settings, settings.connections_per_second);
  return settings.connections === 0 && rates.every((rate) => rate === 0) ? null : { connections: settings.connections, rates };
}

function ratesOf(settings: RateSettings, connectsPerSecond: number): Rates {
  const rates = new Array<number>(METERS_COUNT).fill(0);
  rates[METER.connects] = connectsPerSecond;
  rates[METER.messagesIn] = settings.messages_per_second;
  rates[METER.bytesIn] = settings.bytes_per_second;
  rates[METER.messagesOut] = settings.messages_out_per_second;
  rates[METER.bytesOut] = settings.bytes_out_per_second;
  return rates;
}
