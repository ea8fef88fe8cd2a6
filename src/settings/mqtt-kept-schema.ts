import { count, DAY, duration } from './forms.js';

/* Settings of what MQTT keeps in the journal beside sessions: delayed messages. They stand in the section `mqtt`. */

export interface MqttKeptSettings {
  readonly delayed_messages_max: number;
  /** Milliseconds. */
  readonly delayed_max: number;
}

const YEARS_10 = 3650 * DAY;

export const MQTT_KEPT: {
  readonly delayed_messages_max: ReturnType<typeof count>;
  readonly delayed_max: ReturnType<typeof duration>;
} = {
  delayed_messages_max: count(1_000_000, 0, 2 ** 30, 'Messages of the node that wait to be published later; 0: none is taken'),
  delayed_max: duration(49 * DAY, 0, YEARS_10, 'Longest time that a message may wait to be published'),
};
