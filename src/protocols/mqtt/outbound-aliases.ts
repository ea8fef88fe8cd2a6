/** Topic aliases we use towards one client (MQTT 5 §3.3.2.3.4): the first topics get them, for as long as the connection lasts. */
export class OutboundAliases {
  readonly #maximum: number;
  readonly #byTopic: Map<string, number> = new Map();

  /** @param maximum the client's Topic Alias Maximum, or our own limit if that is lower. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias that stands for the topic already; 0 if none does. */
  aliasOf(topic: string): number {
    return this.#byTopic.get(topic) ?? 0;
  }

  /** Gives the topic an alias from the next packet on, which carries both. @returns 0 if all are taken. */
  assign(topic: string): number {
    if (this.#byTopic.size >= this.#maximum) return 0;
    const alias = this.#byTopic.size + 1;
    this.#byTopic.set(topic, alias);
    return alias;
  }
}
