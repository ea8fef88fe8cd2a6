import { z } from 'zod';
import { count, DAY, duration, size } from './forms.js';

/* Settings of what MQTT keeps in the journal beside sessions: delayed and retained messages. They stand in the section `mqtt`. */

export interface MqttKeptSettings {
  readonly exclusive_subscriptions: boolean;
  readonly replays_max: number;
  readonly delayed_messages_max: number;
  /** Milliseconds. */
  readonly delayed_max: number;
  /** Bytes; 0: no limit. */
  readonly retained_bytes_max: number;
  /** Bytes; 0: no limit. */
  readonly retained_payload_bytes_max: number;
  /** Milliseconds; 0: no limit. */
  readonly retained_expiry: number;
}

const YEARS_10 = 3650 * DAY;

export const MQTT_KEPT: {
  readonly exclusive_subscriptions: z.ZodDefault<z.ZodBoolean>;
  readonly replays_max: ReturnType<typeof count>;
  readonly delayed_messages_max: ReturnType<typeof count>;
  readonly delayed_max: ReturnType<typeof duration>;
  readonly retained_bytes_max: ReturnType<typeof size>;
  readonly retained_payload_bytes_max: ReturnType<typeof size>;
  readonly retained_expiry: ReturnType<typeof duration>;
} = {
  exclusive_subscriptions: z.boolean().default(true).describe('$exclusive/... subscribes for one session at a time'),
  replays_max: count(8, 0, 1000, 'Subscriptions to $replay/... of one connection; 0: none'),
  delayed_messages_max: count(1_000_000, 0, 2 ** 30, 'Messages of the node that wait to be published later; 0: none is taken'),
  delayed_max: duration(49 * DAY, 0, YEARS_10, 'Longest time that a message may wait to be published'),
  retained_bytes_max: size(0, 0, 2 ** 50, 'Of all retained messages of the node; 0: no limit'),
  retained_payload_bytes_max: size(0, 0, 2 ** 32, 'Of one retained message; 0: no limit'),
  retained_expiry: duration(0, 0, YEARS_10, 'A retained message goes after so long, if it does not say sooner; 0: never'),
};
