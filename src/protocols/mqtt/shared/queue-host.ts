import { hashOfBytes } from '../../../base/fnv.js';
import type { SharedQueueHost } from '../../../broker/shared/ports.js';
import type { RecordBatch } from '../../../journal/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttContext } from '../context.js';
import { whenDurable } from '../durable/turn.js';
import { FrameSink } from '../frame-sink.js';
import { fixedHeaderLength } from '../publish-frame.js';
import { addPlainRecord, isPlainRecord, messageOf } from '../record.js';

/** What MQTT does for the queues of shared subscriptions of its shard: records become PUBLISH frames. */
export class MqttQueueHost implements SharedQueueHost {
  readonly #context: MqttContext;
  readonly #sink = new FrameSink();
  frame: Uint8Array = new Uint8Array(0);
  frameLength = 0;

  constructor(context: MqttContext) {
    this.#context = context;
  }

  makeFrame(batch: RecordBatch): number {
    const sink = this.#sink;
    sink.length = 0;
    if (isPlainRecord(batch)) {
      if (!addPlainRecord(sink, batch)) return -1;
    } else {
      const { nowMs } = this.#context;
      const message = messageOf(batch, nowMs);
      if (message === null) return -1;
      if (message.expiresAtMs > 0 && message.expiresAtMs <= nowMs) {
        this.#context.counts[DROP.expired] += 1;
        return -1;
      }
      sink.add(message.frame);
    }
    this.frame = sink.bytes;
    this.frameLength = sink.length;
    return (sink.bytes[0] >> 1) & 3;
  }

  topicHash(): number {
    const { frame } = this;
    const body = fixedHeaderLength(frame, 0);
    return hashOfBytes(frame, body + 2, body + 2 + ((frame[body] << 8) | frame[body + 1]));
  }

  whenDurable(done: () => void): void {
    whenDurable(this.#context, done);
  }

  nowMs(): number {
    return this.#context.nowMs;
  }

  onDropped(count: number, why: 'full' | 'forbidden' | 'ended'): void {
    const { counts } = this.#context;
    if (why === 'forbidden') counts[DROP.receiverDenied] += count;
    else if (why === 'ended') counts[DROP.sessionEnded] += count;
    else counts[DROP.queueFull] += count;
  }
}
