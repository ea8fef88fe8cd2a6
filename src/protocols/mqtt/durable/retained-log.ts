import type { LogTarget, StoredMessage } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { appendFrame, appendTombstone, messageOf } from '../record.js';
import { whenDurable } from './turn.js';

/*
  Retained messages are the stream `mqtt.retained`: key is the topic, the last record counts, one without value says that there is none.
*/

/** Appends the retained message of a topic of this shard, or that it was removed. `done` when it is durable, or lost. */
export function persistRetained(
  context: MqttContext,
  topic: string,
  message: StoredMessage | null,
  done: (status: 'stored' | 'quota-exceeded') => void,
): void {
  const target = context.resolveRetained(topic);
  const { journal } = context;
  if (journal.state !== 'writable') {
    done('quota-exceeded');
    return;
  }
  const nowMs = context.clock.nowMs();
  const batch = journal.partition(target.stream, target.partition, target.settings).open(nowMs);
  if (message === null) appendTombstone(batch, target.key, nowMs);
  else appendFrame(batch, target, message.frame, 0, message.frame.length, message.version, nowMs);
  whenDurable(
    context,
    () => done('stored'),
    () => done('quota-exceeded'),
  );
}

/** The start: what the logs of this shard have. */
export function restoreRetained(context: MqttContext, targets: readonly LogTarget[]): void {
  const { journal } = context;
  const messages = new Map<string, StoredMessage | null>();
  for (const { stream, partition, settings, owner } of targets) {
    if (owner !== context.broker.shard) continue;
    const log = journal.partition(stream, partition, settings);
    messages.clear();
    log.read(log.logStart, Number.POSITIVE_INFINITY, (batch) => {
      while (batch.next()) {
        const { recordsBytes, keyOffset, keyLength } = batch;
        const topic = Buffer.from(recordsBytes.buffer, recordsBytes.byteOffset + keyOffset, Math.max(0, keyLength)).toString();
        const message = messageOf(batch, context.nowMs);
        if (message === null) messages.delete(topic);
        else {
          const { frame, receivedAtMs, expiresAtMs } = message;
          messages.set(topic, { topic, frame, version: 5, receivedAtMs, expiresAtMs });
        }
      }
      return true;
    });
    for (const message of messages.values()) if (message !== null) context.broker.restoreRetained(message);
  }
}
