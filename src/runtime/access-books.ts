import { RulesBook } from '../auth/acl/rules-book.js';
import { BanTable } from '../auth/bans/ban-table.js';
import type { ThreadCatalogue } from './thread-catalogue.js';

/** There are fewer of each: metadata/catalogue/limits.ts. */
const RECORDS_MAX = 1_000_000;

/** What a shard knows of who may do what, and who is kept out: it follows the catalogue. `commit` makes a batch count, in a turn of the shard. */
export class AccessBooks {
  readonly rules: RulesBook = new RulesBook();
  readonly bans: BanTable = new BanTable();

  constructor(catalogue: ThreadCatalogue) {
    const takeRules = (): void => {
      this.rules.clear();
      for (const rule of catalogue.reader.list('acl-rule', { limit: RECORDS_MAX })) this.rules.put(rule.tenant, rule.name, rule);
    };
    const takeBans = (): void => {
      this.bans.clear();
      for (const ban of catalogue.reader.list('ban', { limit: RECORDS_MAX })) this.bans.put(ban);
    };
    catalogue.follow('acl-rule', (change) => {
      if (change === 'reset') takeRules();
      else if (change.record === null) this.rules.delete(change.key.tenant, change.key.name);
      else this.rules.put(change.key.tenant, change.key.name, change.record);
    });
    catalogue.follow('ban', (change) => {
      if (change === 'reset') takeBans();
      else if (change.record === null) this.bans.delete(change.key);
      else this.bans.put(change.record);
    });
    takeRules();
    takeBans();
    this.commit();
  }

  commit(): void {
    this.rules.commit();
    this.bans.commit();
  }
}
