import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { AuthSourceSettings } from '../../settings/auth-source-schema.js';
import { AccountSource } from './account-source.js';
import type { Source } from './source.js';

/** Opens a source. Its driver is loaded here and nowhere else: a node that does not use it does not have it in memory. @throws BrokerError. */
export async function openSource(settings: AuthSourceSettings, _clock: Clock, log: Logger): Promise<Source> {
  switch (settings.type) {
    case 'password-file': {
      const { PasswordFile } = await import('./password-file.js');
      return new AccountSource(new PasswordFile(settings.path, log));
    }
    default:
      throw new Error(`no source ${settings.type}`);
  }
}
