import type { Clock } from '../../base/clock.js';
import { BrokerError, describeError } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import type { AuthSourceSettings } from '../../settings/auth-source-schema.js';
import { AccountSource } from './account-source.js';
import type { Source } from './source.js';

/** Opens a source. Its driver is loaded here and nowhere else: a node that does not use it does not have it in memory. @throws BrokerError RMQ-1001, RMQ-1002. */
export async function openSource(settings: AuthSourceSettings, clock: Clock, log: Logger): Promise<Source> {
  try {
    return await open(settings, clock, log);
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw new BrokerError('RMQ-1002', `(auth.sources, "${settings.name}": ${describeError(error)})`, { cause: error });
  }
}

async function open(settings: AuthSourceSettings, clock: Clock, log: Logger): Promise<Source> {
  switch (settings.type) {
    case 'password-file': {
      const { PasswordFile } = await import('./password-file.js');
      return new AccountSource(new PasswordFile(settings.path, log));
    }
    case 'jwt': {
      const { Jwt } = await import('./jwt.js');
      return new Jwt(settings, clock);
    }
    case 'http': {
      const { HttpSource } = await import('./http.js');
      return new HttpSource(settings, clock);
    }
    case 'ldap': {
      const { Ldap } = await import('./ldap.js');
      return new Ldap(settings);
    }
    case 'postgresql': {
      const { PostgresqlAccounts } = await import('./postgresql.js');
      return new AccountSource(new PostgresqlAccounts(settings, log));
    }
    case 'mysql': {
      const { MysqlAccounts } = await import('./mysql.js');
      return new AccountSource(new MysqlAccounts(settings));
    }
    case 'redis': {
      const { RedisAccounts } = await import('./redis.js');
      return new AccountSource(new RedisAccounts(settings, log));
    }
    case 'mongodb': {
      const { MongodbAccounts, openDocuments } = await import('./mongodb.js');
      return new AccountSource(new MongodbAccounts(settings, openDocuments(settings)));
    }
  }
}
