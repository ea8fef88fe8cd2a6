import { RulesBook } from '../../src/auth/acl/rules-book.js';
import type { AccessRule, Identity, Rights } from '../../src/auth/ports.js';
import type { MicroSuite } from './suite.js';

const CLIENTS = 1000;
const RULES_PER_CLIENT = 100;
/** Of which so many are everybody's. */
const RULES_OF_ALL = 20;

function rule(kind: 'client' | 'any', value: string, order: number, filter: string): AccessRule {
  const permission = order % 10 === 3 ? 'deny' : 'allow';
  return { order, permission, principal: { kind, value }, actions: ['publish', 'subscribe'], filter, qos: [], retain: 'any' };
}

/** 1,000 clients with 100 rules each: 80 of their own and 20 that all have, half of those with a placeholder. */
function fullBook(): RulesBook {
  const book = new RulesBook();
  for (let index = 0; index < RULES_OF_ALL; index += 1) {
    const level = index % 2 === 0 ? `$\{clientid}` : `room-${index}`;
    book.put('default', `all-${index}`, rule('any', '', index * 5, `shared/${index}/${level}/#`));
  }
  for (let client = 0; client < CLIENTS; client += 1)
    for (let index = RULES_OF_ALL; index < RULES_PER_CLIENT; index += 1)
      book.put('default', `c${client}-${index}`, rule('client', `device-${client}`, index, `site/${index}/device-${client}/+/state`));
  book.commit();
  return book;
}

function identityOf(client: number): Identity {
  const clientId = `device-${client}`;
  return { tenant: 'default', user: '', clientId, address: '10.0.0.1', isSuperuser: false, source: '', expiresAtMs: 0, rules: null };
}

function publishes(rights: Rights, topic: string, isAllowed: boolean): () => void {
  return () => {
    if (rights.mayPublish(topic, 1, false) !== isAllowed) throw new Error('the rules of this task decide so');
  };
}

export const suite: MicroSuite = {
  name: 'access-rules',
  open: () => {
    const book = fullBook();
    const identities = Array.from({ length: CLIENTS }, (_, client) => identityOf(client));
    const rights = book.compile(identities[7]);
    const compileAll = (): void => {
      for (const identity of identities) book.compile(identity);
    };
    const subscribe = (): void => {
      if (rights.maySubscribe('site/#', 1) !== 'guarded') throw new Error('the rules of this task decide so');
    };
    return [
      { name: 'compile, 100 rules of 80,020', operations: CLIENTS, run: compileAll },
      { name: 'mayPublish, the last of 100 rules decides', operations: 1, run: publishes(rights, 'site/99/device-7/x/state', true) },
      { name: 'mayPublish, none of 100 rules is about it', operations: 1, run: publishes(rights, 'elsewhere', false) },
      { name: 'maySubscribe, 80 of 100 rules tell topics apart', operations: 1, run: subscribe },
    ];
  },
};
