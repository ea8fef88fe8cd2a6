import { LEAF_KINDS } from './layers.js';
import { HOT_PATHS, type Settings } from './schema.js';

/** One setting that differs between two sets of settings. */
export interface SettingChange {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  /** True if a running server takes it over; false if it needs a restart. */
  readonly isHot: boolean;
}

/** What a reload would change, in the order of the schema. */
export function changesBetween(before: Settings, after: Settings): SettingChange[] {
  const changes: SettingChange[] = [];
  for (const path of LEAF_KINDS.keys()) {
    const oldValue = settingAt(before, path);
    const newValue = settingAt(after, path);
    if (JSON.stringify(oldValue) === JSON.stringify(newValue)) continue;
    changes.push({ path, before: oldValue, after: newValue, isHot: HOT_PATHS.includes(path) });
  }
  return changes;
}

/** The value at `mqtt.tcp.port`; undefined if there is none. */
export function settingAt(settings: Settings, path: string): unknown {
  let node: unknown = settings;
  for (const part of path.split('.')) node = typeof node === 'object' && node !== null ? Reflect.get(node, part) : undefined;
  return node;
}
