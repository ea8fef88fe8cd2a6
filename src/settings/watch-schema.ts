import { z } from 'zod';
import { count, DAY, duration, SECOND, size } from './forms.js';

/* Settings of what the node says of itself: alarms, the tree under $SYS, and what clients do. */

const MINUTE = 60 * SECOND;
const GIB = 2 ** 30;

export interface AlarmSettings {
  readonly enabled: boolean;
  /** Per cent of all cores. */
  readonly cpu_high: number;
  /** Per cent of the memory of the machine or its container. */
  readonly memory_high: number;
  /** Bytes. */
  readonly disk_free_low: number;
  /** Per cent of mqtt.connections_max. */
  readonly connections_high: number;
  /** Milliseconds. */
  readonly certificate_expires_within: number;
  /** Milliseconds that a state must last before its alarm is raised or cleared. */
  readonly hold: number;
  /** Milliseconds that the alarm of an event stays. */
  readonly event_stays: number;
  /** Alarms that are over and are remembered. */
  readonly history_max: number;
}

function percent(byDefault: number, what: string): ReturnType<typeof count> {
  return count(byDefault, 1, 100, `${what}, in per cent`);
}

export const ALARMS_SCHEMA: z.ZodType<AlarmSettings, Record<string, unknown> | undefined> = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether alarms are raised'),
    cpu_high: percent(80, 'Use of all cores by the process that raises an alarm'),
    memory_high: percent(80, 'Memory of the process that raises an alarm'),
    disk_free_low: size(GIB, 0, 2 ** 50, 'Free bytes on the disk of data_path below which an alarm is raised'),
    connections_high: percent(90, 'Share of mqtt.connections_max that raises an alarm'),
    certificate_expires_within: duration(30 * DAY, 0, 3650 * DAY, 'A certificate that expires so soon raises an alarm'),
    hold: duration(10 * SECOND, 0, DAY, 'A state must last so long before its alarm is raised or cleared'),
    event_stays: duration(10 * MINUTE, SECOND, 30 * DAY, 'The alarm of an event, such as the restart of a shard, stays so long'),
    history_max: count(1000, 0, 100_000, 'Alarms that are over and are remembered'),
  })
  .prefault({});

export interface SysSettings {
  /** Milliseconds; 0: nothing is published. */
  readonly sys_interval: number;
  readonly client_events: boolean;
}

/** Of mqtt. */
export const SYS_SHAPE: { readonly sys_interval: ReturnType<typeof duration>; readonly client_events: z.ZodDefault<z.ZodBoolean> } = {
  sys_interval: duration(60 * SECOND, 0, DAY, 'How often the numbers under $SYS are published; 0: never'),
  client_events: z.boolean().default(true).describe('Whether clients that connect, subscribe and go are told of under $SYS'),
};
