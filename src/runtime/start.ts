import type { Logger } from '../base/logger.js';
import type { Settings } from '../settings/schema.js';
import { MetadataOnlyNode } from './metadata-only-node.js';
import { type RunningNode, startNode } from './node.js';

/** Starts what the roles of this node ask for. @throws BrokerError, and leaves nothing open. */
export function startByRoles(settings: Settings, log: Logger): Promise<RunningNode | MetadataOnlyNode> {
  return settings.roles.includes('broker') ? startNode(settings, log) : MetadataOnlyNode.start(settings, log);
}
