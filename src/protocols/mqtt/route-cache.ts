import { routingName } from '../../base/tenant-names.js';
import type { Broker, Route } from '../../broker/ports.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttSession } from './session.js';

/** Routes of one tenant by the topic numbers of one source: this shard's transport, or a peer shard. */
export class RouteCache {
  readonly #broker: Broker<MqttSession>;
  readonly #tenant: string;
  readonly #onDropped: (route: Route<MqttSession>) => void;
  readonly #routes: (Route<MqttSession> | null)[] = [];
  readonly #generations: number[] = [];

  /** @param onDropped called with a route that is replaced: its plan holds target lists. */
  constructor(broker: Broker<MqttSession>, tenant: string, onDropped: (route: Route<MqttSession>) => void) {
    this.#broker = broker;
    this.#tenant = tenant;
    this.#onDropped = onDropped;
  }

  /** The route of a number, if it is still that topic's and no subscription changed since; else null. */
  find(topic: TopicId, generation: number): Route<MqttSession> | null {
    if (topic >= this.#routes.length) return null;
    const route = this.#routes[topic];
    if (route === null || route.version !== this.#broker.subscriptionVersion || this.#generations[topic] !== generation) return null;
    return route;
  }

  /** Compiles and keeps a route after `find` returned null. @param name as clients know the topic. */
  compile(topic: TopicId, generation: number, name: string): Route<MqttSession> {
    while (this.#routes.length <= topic) {
      this.#routes.push(null);
      this.#generations.push(0);
    }
    const old = this.#routes[topic];
    if (old !== null) this.#onDropped(old);
    const route = this.#broker.compileRoute(routingName(this.#tenant, name));
    this.#routes[topic] = route;
    this.#generations[topic] = generation;
    return route;
  }

  /** The topic's name if a stale route of the same generation knows it: saves asking the transport again. */
  nameOf(topic: TopicId, generation: number): string | null {
    const route = topic < this.#routes.length ? this.#routes[topic] : null;
    return route !== null && this.#generations[topic] === generation ? route.topic : null;
  }

  /** Forgets everything: the source was replaced. */
  clear(): void {
    for (const route of this.#routes) if (route !== null) this.#onDropped(route);
    this.#routes.length = 0;
    this.#generations.length = 0;
  }
}
