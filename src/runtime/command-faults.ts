import type { Command } from '../metadata/catalogue/commands.js';
import { faultOfRewrite } from '../protocols/mqtt/rewrite/rewrite-rule.js';

/** What is wrong with a change that the catalogue itself does not look at, because a protocol knows it; in words. Null: nothing. */
export function faultOfCommand(command: Command): string | null {
  return command.kind === 'put-topic-rewrite' ? faultOfRewrite(command.value) : null;
}
