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

  /** The alias that `assign` would give; 0 if all are taken. */
  get nextAlias(): number {
    return this.#byTopic.size < this.#maximum ? this.#byTopic.size + 1 : 0;
  }

  /** The client was sent the topic with `nextAlias`: from now on the alias alone says it. */
  assign(topic: string): void {
    const alias = this.nextAlias;
    if (alias > 0) this.#byTopic.set(topic, alias);
  }
}
