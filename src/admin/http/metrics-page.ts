import { DROP } from '../../telemetry/metrics/drops.js';
import { Exposition } from '../../telemetry/metrics/exposition.js';
import { HISTOGRAM_FAMILIES, MESSAGES_SENT, SHARD_FAMILIES, SHARD_SLOTS, SLOT_FAMILIES } from '../../telemetry/metrics/families.js';
import { foldHistogram } from '../../telemetry/metrics/histogram.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import type { AdminAccess } from '../ports.js';

/** `/metrics`: folds the memory of all shards. Nothing is asked of them, so a shard that hangs delays nobody. */
export function metricsPage(access: AdminAccess): string {
  const page = new Exposition();
  const shards = access.shardMetrics();
  const passedOver = access.transportDrops();
  for (const { name, kind, help, samples } of SLOT_FAMILIES) {
    page.family(name, kind, help);
    for (const [labels, slot] of samples) {
      const sum = shards.reduce((total, { counts }) => total + counts[slot], 0);
      page.sample(labels, sum + correctionOf(name, slot, passedOver));
    }
  }
  for (const { name, kind, help } of SHARD_FAMILIES) {
    page.family(name, kind, help);
    for (const [shard, { counts }] of shards.entries()) page.sample({ shard: String(shard) }, counts[SHARD_SLOTS[name]]);
  }
  for (const { name, help, labels, histogram } of HISTOGRAM_FAMILIES) {
    page.family(name, 'histogram', help);
    page.histogram(
      labels,
      foldHistogram(
        shards.map(({ histograms }) => histograms),
        histogram,
      ),
    );
  }
  for (const { name, kind, help, samples } of access.nodeSamples()) {
    page.family(name, kind, help);
    for (const [labels, value] of samples) page.sample(labels, value);
  }
  return page.text;
}

/** Transports pass over receivers that are congested, and count them themselves: what was handed to them as sent was dropped. */
function correctionOf(name: string, slot: number, passedOver: number): number {
  if (slot === DROP.congested) return passedOver;
  return name === MESSAGES_SENT && slot === COUNT.messagesSent ? -passedOver : 0;
}
