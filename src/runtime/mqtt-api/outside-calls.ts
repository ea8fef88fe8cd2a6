import { BrokerError } from '../../base/errors.js';
import type { MqttAccess, MqttCall, MqttReply } from '../../metadata/grpc/ports.js';
import { errorOf, type MetadataNotice, type MqttWord } from '../metadata-orders.js';

/** Calls that main has and did not answer. It answers each: what it asks itself has deadlines. */
const OPEN_MAX = 256;

/**
 * On the metadata thread: hands calls of robustmq.v1.Mqtt to main, and its answers back. A call whose caller is gone, or whose time is over, counts
 * until main is done with it.
 */
export class OutsideCalls implements MqttAccess {
  readonly #post: (notice: MetadataNotice) => void;
  readonly #open = new Map<number, (reply: MqttReply) => void>();
  #ticketLast = 0;

  constructor(post: (notice: MetadataNotice) => void) {
    this.#post = post;
  }

  ask(call: MqttCall, done: (reply: MqttReply) => void): void {
    if (this.#open.size >= OPEN_MAX) {
      done({ kind: 'refused', error: new BrokerError('RMQ-1033', `(${OPEN_MAX} calls wait for answers of this node)`) });
      return;
    }
    this.#ticketLast += 1;
    this.#open.set(this.#ticketLast, done);
    this.#post({ kind: 'mqtt-call', ticket: this.#ticketLast, call });
  }

  onWord(ticket: number, word: MqttWord): void {
    const done = this.#open.get(ticket);
    this.#open.delete(ticket);
    done?.(word.kind === 'refused' ? { kind: 'refused', error: errorOf(word.fault) } : word);
  }
}
