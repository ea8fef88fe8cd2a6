import { ACL_RULES, BANS, type Ban } from '../../src/admin/questions/mqtt-access.js';
import type { Question } from '../../src/admin/questions/question.js';
import type { AccessRule } from '../../src/auth/ports.js';
import type { RunningNode } from '../../src/runtime/node.js';
import { rule } from './acl/rules.js';

/** Who writes rules and bans into the catalogue of a node, by the questions that robust-ctl asks. Rules are looked at as they were written first. */
export class Operator {
  readonly #node: RunningNode;
  readonly #names: string[] = [];

  constructor(node: RunningNode) {
    this.#node = node;
  }

  async ask<A extends object, R extends object>(question: Question<A, R>, given: Partial<A>): Promise<R> {
    return question.answers.parse(JSON.parse(JSON.stringify(await this.#node.query({ verb: 'ask', question: question.name, ask: given }))));
  }

  /** Writes a rule, in the place of the one with this name if there is one. */
  async write(name: string, filter: string, fields: Partial<AccessRule> = {}, tenant = 'default'): Promise<void> {
    if (!this.#names.includes(name)) this.#names.push(name);
    await this.ask(ACL_RULES.put, { tenant, name, ...rule(filter, { order: this.#names.indexOf(name), ...fields }) });
  }

  allow(name: string, filter: string, fields: Partial<AccessRule> = {}): Promise<void> {
    return this.write(name, filter, { permission: 'allow', ...fields });
  }

  deny(name: string, filter: string, fields: Partial<AccessRule> = {}): Promise<void> {
    return this.write(name, filter, { permission: 'deny', ...fields });
  }

  async erase(name: string, tenant = 'default'): Promise<void> {
    await this.ask(ACL_RULES.delete, { tenant, name });
  }

  async ban(kind: Ban['kind'], value: string, fields: Partial<Ban> = {}): Promise<void> {
    await this.ask(BANS.put, { tenant: 'default', kind, value, untilMs: 0, reason: '', by: 'operator', ...fields });
  }

  async unban(kind: Ban['kind'], value: string): Promise<void> {
    await this.ask(BANS.delete, { tenant: 'default', kind, value });
  }
}
