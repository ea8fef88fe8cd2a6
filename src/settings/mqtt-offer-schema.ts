import { z } from 'zod';

/* What an MQTT server offers its clients in CONNACK, and where it sends them instead. They stand in the section `mqtt`. */

export interface MqttOfferSettings {
  readonly qos_max: 0 | 1 | 2;
  readonly retain_available: boolean;
  readonly response_information: string;
  readonly reveal_denials: boolean;
  readonly redirect: string;
  readonly redirect_when: 'shutdown' | 'always' | 'moved';
}

/** Text that goes into a packet as it is. */
function line(meaning: string): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .max(1024)
    .regex(/^\P{Cc}*$/u, 'must not have control characters')
    .default('')
    .describe(meaning);
}

export const MQTT_OFFER: {
  readonly qos_max: z.ZodDefault<z.ZodUnion<readonly [z.ZodLiteral<0>, z.ZodLiteral<1>, z.ZodLiteral<2>]>>;
  readonly retain_available: z.ZodDefault<z.ZodBoolean>;
  readonly response_information: z.ZodDefault<z.ZodString>;
  readonly reveal_denials: z.ZodDefault<z.ZodBoolean>;
  readonly redirect: z.ZodDefault<z.ZodString>;
  readonly redirect_when: z.ZodDefault<z.ZodEnum<{ shutdown: 'shutdown'; always: 'always'; moved: 'moved' }>>;
} = {
  qos_max: z
    .union([z.literal(0), z.literal(1), z.literal(2)])
    .default(2)
    .describe('Highest QoS that clients may publish with, and that subscriptions are granted'),
  retain_available: z.boolean().default(true).describe('Clients may have messages retained'),
  response_information: line(
    'Told to MQTT 5 clients that ask where their responses may go, such as "reply/${clientid}"; ${username} is known, too',
  ),
  reveal_denials: z
    .boolean()
    .default(true)
    .describe('MQTT 5 clients hear that a rule forbids what they publish or subscribe (0x87), and not only that it failed (0x80)'),
  redirect: line('Other servers, such as "b.example:1883 c.example", that MQTT 5 clients are sent to'),
  redirect_when: z
    .enum(['shutdown', 'always', 'moved'])
    .default('shutdown')
    .describe('When clients are sent to mqtt.redirect: as this one stops, at every CONNECT, or so for good'),
};
