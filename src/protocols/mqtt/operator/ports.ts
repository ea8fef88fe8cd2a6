/* What shards tell operators of clients and messages. The admin questions hand it on as it is. */

/** A client that is connected. */
export interface ClientFacts {
  /** By which the tables know its session: base/tenant-names.ts. */
  readonly key: string;
  readonly clientId: string;
  readonly tenant: string;
  /** Empty: it gave no name. */
  readonly user: string;
  readonly address: string;
  readonly port: number;
  /** As in the settings: `mqtt.tcp`. */
  readonly listener: string;
  /** 3: MQTT 3.1, 4: 3.1.1, 5: 5.0. */
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly connectedAtMs: number;
  /** 0: none. */
  readonly keepAliveSeconds: number;
  /** Null: its session never expires. */
  readonly expirySeconds: number | null;
  readonly subscriptions: number;
  /** Messages that wait in memory. */
  readonly queued: number;
  readonly inFlight: number;
  /** Bytes on the way to its socket. */
  readonly outputBytes: number;
  /** It takes less than it is sent. */
  readonly isCongested: boolean;
}

/** A shared subscription. Members of all shards are known to each of them; what waits, to the one that has the log. */
export interface SharedGroupFacts {
  /** The filter, `$share/...` included, as the broker knows it. */
  readonly key: string;
  readonly group: string;
  readonly filter: string;
  readonly tenant: string;
  readonly strategy: string;
  /** Its messages are kept while nobody can take them. */
  readonly isKept: boolean;
  /** Members, those of them whose session outlives its connection, and those that are on line. */
  readonly members: number;
  readonly durableMembers: number;
  readonly onlineMembers: number;
  /** Messages that nobody has, and that members have in hand: of a shard, or of all. */
  readonly waiting: number;
  readonly inHand: number;
  /** Milliseconds since the epoch when the oldest of them came; 0: there are none, or it cannot be read. */
  readonly oldestAtMs: number;
}

/** A message that waits to be published. */
export interface DelayedFacts {
  readonly id: string;
  readonly tenant: string;
  /** Where it will be published. */
  readonly topic: string;
  /** Client identifier. */
  readonly publisher: string;
  readonly qos: number;
  readonly isRetained: boolean;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  readonly dueAtMs: number;
}
