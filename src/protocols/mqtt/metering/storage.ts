import type { LogTarget } from '../../../broker/ports.js';
import { GAUGE, NO_ROW } from '../../../broker/quotas/ports.js';
import type { MqttContext } from '../context.js';
import { decodePublishProperties, PublishView } from '../decode-publish.js';
import type { RunView } from '../run-view.js';

/*
  What a tenant stores on this node, looked at once a second from what the journal and the retained messages know of themselves:

    counted       batches in the tenant's streams that can still be read: there is where what waits for its sessions and shared subscriptions is, once;
                  frames of its retained messages
    not counted   indexes, cursors, rows of sessions, delayed messages, what other nodes have, what segments hold of records that retention gave up

  Each shard counts what its own lanes have to the tenant's row, in KiB. While the sum is at the limit or above, nothing that would be kept is taken
  from the tenant's clients; a retained message may still be taken back. So a tenant may be over its limit by what comes within a second or two.
*/

const MEASURE_TICKS = 10;
const KIB = 1024;
/** A cell of the table has 31 bits. */
const KIB_MAX: number = 2 ** 31 - 1;

const view = new PublishView();

/** Bytes that this shard has in streams, by tenant. */
export type StorageUse = () => ReadonlyMap<string, number>;

/** Looks once a second. @param tick number of this tick of 100 ms. */
export function measureStorage(context: MqttContext, tick: number): void {
  if (tick % MEASURE_TICKS !== 0) return;
  const { spaces, quotas, broker } = context;
  let use: ReadonlyMap<string, number> | null = null;
  for (const [tenant, { limits }] of spaces.tenants) {
    if (limits === null || limits.storageBytes === 0) continue;
    const space = spaces.of(tenant);
    if (space.quotaRow === NO_ROW) continue;
    use ??= context.storageUse();
    const kib = Math.min(KIB_MAX, Math.ceil(((use.get(tenant) ?? 0) + broker.retainedBytesOf(tenant)) / KIB));
    quotas.rows.add(space.quotaRow, GAUGE.storage, kib - space.storageKiB);
    space.storageKiB = kib;
    const isFull = quotas.rows.sum(space.quotaRow, GAUGE.storage) * KIB >= limits.storageBytes;
    if (isFull && !space.isStorageFull)
      context.log.warn('tenant.storage-full', 'a tenant stores as much as it may: what would be kept is refused', {
        tenant,
        limitBytes: limits.storageBytes,
      });
    space.isStorageFull = isFull;
  }
}

/** Whether something of the run would be kept. One that only takes a retained message back is no such. */
export function isKept(run: RunView, target: LogTarget | null): boolean {
  if (run.retain === 1 && run.count === 1) {
    decodePublishProperties(run.bytes, run.offset, run.length, run.version, view);
    if (view.payloadLength === 0) return false;
  }
  return run.retain === 1 || (target !== null && (run.qos > 0 || target.takesQos0));
}
