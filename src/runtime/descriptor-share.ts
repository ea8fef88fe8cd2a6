import { existsSync, readFileSync } from 'node:fs';
import type { Logger } from '../base/logger.js';
import type { Settings } from '../settings/schema.js';

/** Of getrlimit(2), as the kernel shows it: the soft limit stands first. */
const OPEN_FILES = /^Max open files +(\d+)/m;

/**
 * Clients may take all descriptors of the process but `runtime.descriptors_reserved`: with none left a thread that starts cannot read its
 * modules, and one that fails to is refused them for good, as Node remembers what it could not load.
 * @returns the settings, with as many connections as fit. Where the limit is not known they stay as they are.
 */
export function withConnectionsThatFit(settings: Settings, log: Logger, descriptors: number | null = descriptorLimit()): Settings {
  const wanted = settings.mqtt.connections_max;
  const fit = descriptors === null ? wanted : Math.max(1, descriptors - settings.runtime.descriptors_reserved);
  if (wanted <= fit) return settings;
  log.info('process.few-descriptors', 'mqtt.connections_max is lowered to what the limit of open files leaves room for', {
    connectionsMax: fit,
    descriptors,
    reserved: settings.runtime.descriptors_reserved,
  });
  return { ...settings, mqtt: { ...settings.mqtt, connections_max: fit } };
}

function descriptorLimit(): number | null {
  const path = '/proc/self/limits';
  const limit = existsSync(path) ? OPEN_FILES.exec(readFileSync(path, 'latin1'))?.[1] : undefined;
  return limit === undefined ? null : Number(limit);
}
