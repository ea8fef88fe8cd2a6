/** The message a client left for the case that it goes without a word (MQTT 5 §3.1.2.5). */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Seconds between the end of the connection and the publication; the end of the session comes first. */
  readonly delaySeconds: number;
  /** Encoded properties for the PUBLISH, without the delay. */
  readonly properties: Uint8Array;
}
