import type { Message, NodeId } from '../messages.js';
import type { RaftTransport } from './ports.js';

/** Collects the messages of a turn, so that each peer gets them in one piece. */
export class Outbox {
  readonly #transport: RaftTransport;
  readonly #waiting = new Map<NodeId, Message[]>();

  constructor(transport: RaftTransport) {
    this.#transport = transport;
  }

  add(message: Message): void {
    const waiting = this.#waiting.get(message.to);
    if (waiting === undefined) this.#waiting.set(message.to, [message]);
    else waiting.push(message);
  }

  flush(): void {
    if (this.#waiting.size === 0) return;
    for (const [peer, messages] of this.#waiting) this.#transport.send(peer, messages);
    this.#waiting.clear();
  }
}
