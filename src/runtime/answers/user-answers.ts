import { USER_DELETE, USER_LIST, USER_PUT, type UserPutAsk, type UserRow } from '../../admin/questions/mqtt-access.js';
import type { Done } from '../../admin/questions/question.js';
import type { Kept } from '../../admin/questions/resources.js';
import type { Credentials } from '../../auth/passwords/credentials.js';
import { BrokerError } from '../../base/errors.js';
import type { ResourceRecord } from '../../metadata/catalogue/resources.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { change, listOf } from './resource-answers.js';

async function putUser(node: AskedNode, ask: UserPutAsk): Promise<Done> {
  const { tenant, name, password, when } = ask;
  const known = node.catalogue.get('user', { tenant, name });
  if (known !== null && when === 'create')
    throw new BrokerError('RMQ-1031', `(user "${name}" is there already)`, { cure: 'Change it with `robust-ctl mqtt user passwd`' });
  if (known === null && when === 'change')
    throw new BrokerError('RMQ-1023', `(user "${name}")`, { cure: 'Look for it with `robust-ctl mqtt user list`' });
  const value = {
    tenant,
    name,
    ...(password === null ? { passwordHash: known?.passwordHash ?? '', scram: known?.scram ?? [] } : await credentialsOf(password)),
    isSuperuser: ask.isSuperuser ?? known?.isSuperuser ?? false,
    comment: ask.comment ?? known?.comment ?? '',
  };
  // What was left as it was must not have changed meanwhile.
  await change(node, { kind: 'put-user', value, expected: ask.expected ?? known?.revision ?? 0 }, `user "${name}"`);
  return { text: `${known === null ? 'made' : 'changed'} user "${name}"` };
}

/** Threads of libuv compute it. @throws BrokerError RMQ-1036. */
async function credentialsOf(password: string): Promise<Credentials> {
  if (password === '') return { passwordHash: '', scram: [] };
  const { makeCredentials } = await import('../../auth/passwords/credentials.js');
  try {
    return await makeCredentials(password);
  } catch (error) {
    throw new BrokerError('RMQ-1036', '(password: it has characters that no mechanism can carry)', { cause: error });
  }
}

function rowOf({ passwordHash, scram: _, ...user }: ResourceRecord<'user'>): Kept<UserRow> {
  return { ...user, hasPassword: passwordHash !== '' };
}

export const USER_ANSWERS: readonly Answerer[] = [
  answerer(USER_LIST, async (node, ask) => {
    const { items, ...page } = listOf(node, 'user', ask);
    return { ...page, items: items.map(rowOf) };
  }),
  answerer(USER_PUT, putUser),
  answerer(USER_DELETE, async (node, { expected, ...key }) => {
    await change(node, { kind: 'delete-user', key, expected }, `user "${key.name}"`);
    return { text: `deleted user "${key.name}"` };
  }),
];
