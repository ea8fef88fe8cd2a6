import { z } from 'zod';
import { count, DAY, duration, MIB, SECOND, size } from './forms.js';

/* Settings of what looks after access: clients that come and go too often, and the log of what somebody may ask about one day. */

const MINUTE: number = 60 * SECOND;

export interface FlappingSettings {
  readonly enabled: boolean;
  readonly connects_max: number;
  /** Milliseconds. */
  readonly window: number;
  /** Milliseconds. */
  readonly ban_time: number;
}

export interface AuditSettings {
  readonly enabled: boolean;
  /** Bytes. */
  readonly file_bytes_max: number;
  readonly files_max: number;
}

export const FLAPPING_SCHEMA: z.ZodType<FlappingSettings, Readonly<Record<string, unknown>>> = z.strictObject({
  enabled: z.boolean().default(false).describe('Whether clients that connect too often are banned for a while'),
  connects_max: count(15, 1, 1_000_000, 'Connects of one client within the window, on one node'),
  window: duration(MINUTE, SECOND, DAY, 'How long connects are counted'),
  ban_time: duration(5 * MINUTE, SECOND, 365 * DAY, 'How long such a client is banned, on all nodes'),
}) as z.ZodType<FlappingSettings, Readonly<Record<string, unknown>>>;

export const AUDIT_SCHEMA: z.ZodType<AuditSettings, Readonly<Record<string, unknown>>> = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether refusals, and what operators change, are written to audit/ below data_path'),
  file_bytes_max: size(64 * MIB, 4096, 2 ** 40, 'A file that is as long is followed by the next one'),
  files_max: count(50, 2, 1_000_000, 'Files that are kept; then the oldest is deleted'),
}) as z.ZodType<AuditSettings, Readonly<Record<string, unknown>>>;
