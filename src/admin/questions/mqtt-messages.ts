import { z } from 'zod';
import { PAYLOAD, type Payload } from './mqtt-retained.js';
import { DONE, type Done, type Question, tenantAsk } from './question.js';

/* Messages that operators publish. */

export interface PublishAsk {
  readonly tenant: string;
  readonly topic: string;
  readonly payload: Payload;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly expirySeconds: number;
  readonly contentType: string;
  readonly userProperties: readonly (readonly [name: string, value: string])[];
}

/** MQTT 5.0 §1.5.4: a string has a length of two bytes. */
const shortText = z.string().refine((text) => new TextEncoder().encode(text).length <= 65_535, 'is longer than 65,535 bytes');

export const PUBLISH: Question<PublishAsk, Done> = {
  name: 'mqtt-publish',
  summary: 'Publishes a message; answers when it is durable, where a log keeps it',
  asks: z.strictObject({
    tenant: tenantAsk,
    topic: z.string().min(1).max(65_535).describe('Topic name'),
    payload: PAYLOAD.default('').describe('Text, or bytes as base64; empty and retained: the retained message is deleted'),
    qos: z.literal([0, 1, 2]).default(1),
    retain: z.boolean().default(false).describe('Kept as the last message of its topic'),
    expirySeconds: z.int().min(0).max(0xffff_ffff).default(0).describe('Not delivered later than that; 0: never too late'),
    contentType: shortText.default(''),
    userProperties: z
      .array(z.tuple([shortText, shortText]))
      .max(1000)
      .default([]),
  }),
  answers: DONE,
  http: { method: 'POST', path: '/mqtt/messages' },
};
