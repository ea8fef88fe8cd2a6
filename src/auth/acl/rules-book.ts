import { type AccessRule, type Identity, type Rights, type RightsBook, UNLIMITED } from '../ports.js';
import { ClientRights } from './client-rights.js';
import { byOrder, type ParsedRule, parseRule, ruleFor } from './parsed-rule.js';
import { concerns, RuleSet } from './rule-set.js';

/** So that explain() does not say that there are no rules. */
const SUPERUSER: Rights = { ...UNLIMITED, explain: () => 'a superuser may do everything' };

/**
 * The rules of all tenants. Whoever follows the catalogue puts and deletes rules, and says `commit` when those of a batch are made.
 *
 * Where a tenant has no rule, and the source of a client gave none, the client may everything. With the first rule, what no rule allows is
 * forbidden. A source that gave an empty list has given rules: none that allows.
 */
export class RulesBook implements RightsBook {
  onChanged: () => void = () => {};
  #version = 1;
  #isDirty = false;
  readonly #tenants = new Map<string, RuleSet>();

  get version(): number {
    return this.#version;
  }

  /** Takes the place of a rule of that name. */
  put(tenant: string, name: string, rule: AccessRule): void {
    let set = this.#tenants.get(tenant);
    if (set === undefined) {
      set = new RuleSet();
      this.#tenants.set(tenant, set);
    }
    set.put(name, rule);
    this.#isDirty = true;
  }

  delete(tenant: string, name: string): void {
    const set = this.#tenants.get(tenant);
    if (set === undefined) return;
    set.delete(name);
    if (set.size === 0) this.#tenants.delete(tenant);
    this.#isDirty = true;
  }

  /** Forgets all, because all of them come anew. */
  clear(): void {
    this.#tenants.clear();
    this.#isDirty = true;
  }

  /** What was put and deleted since the last time counts. */
  commit(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#version += 1;
    this.onChanged();
  }

  compile(identity: Identity): Rights {
    if (identity.isSuperuser) return SUPERUSER;
    const set = this.#tenants.get(identity.tenant);
    if (set === undefined && identity.rules === null) return UNLIMITED;
    const found: ParsedRule[] = [];
    set?.select(identity, found);
    found.sort(byOrder);
    const rules: ParsedRule[] = [];
    const unfit: ParsedRule[] = [];
    for (const rule of identity.rules === null ? found : [...ownRules(identity, identity.rules), ...found]) {
      const own = ruleFor(rule, identity);
      if (own === null) unfit.push(rule);
      else rules.push(own);
    }
    return new ClientRights(rules, unfit);
  }
}

/** Those of the client's source that are about it. Most are about `any`: they came with this client. */
function ownRules(identity: Identity, rules: readonly AccessRule[]): readonly ParsedRule[] {
  return rules
    .map((rule, index) => ({ rule, name: `${identity.source}#${index + 1}` }))
    .filter(({ rule }) => concerns(rule.principal, identity))
    .map(({ rule, name }) => parseRule(name, rule))
    .sort((left, right) => left.order - right.order); // It is stable: of equal ones the first in the list.
}
