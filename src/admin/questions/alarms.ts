import { z } from 'zod';
import { type Page, type PageAsk, pageAsk, pageOf, type Question } from './question.js';

/* Alarms of the node: states that somebody should do something about. */

export interface AlarmRow {
  readonly name: string;
  /** Empty: the node. */
  readonly subject: string;
  readonly message: string;
  readonly activatedAtMs: number;
  /** Null: it is active. */
  readonly deactivatedAtMs: number | null;
}

export interface AlarmListAsk extends PageAsk {
  readonly isPast: boolean;
}

export const ALARM_LIST: Question<AlarmListAsk, Page<AlarmRow>> = {
  name: 'alarm-list',
  summary: 'Lists alarms that are active, or those that are over, the newest first',
  asks: z.strictObject({ ...pageAsk, isPast: z.stringbool().or(z.boolean()).default(false).describe('Those that are over') }),
  answers: pageOf(
    z.looseObject({
      ...{ name: z.string(), subject: z.string(), message: z.string() },
      ...{ activatedAtMs: z.number(), deactivatedAtMs: z.number().nullable() },
    }),
  ),
  http: { method: 'GET', path: '/alarms' },
};
