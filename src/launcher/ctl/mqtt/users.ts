import { Option } from 'commander';
import { USER_DELETE, USER_LIST, USER_PUT } from '../../../admin/questions/mqtt-access.js';
import { BrokerError } from '../../../base/errors.js';
import { showList, tellDone } from '../pages.js';
import { confirm, type Terminal } from '../terminal.js';
import { type LimitFlag, limit, type RunCall, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';
import { firstLine } from './password-file.js';

interface PasswordFlag {
  readonly passwordFile?: string;
}

interface AddFlags extends TenantFlag, PasswordFlag {
  readonly superuser?: boolean;
  readonly comment: string;
}

const passwordFile = (): Option =>
  new Option('--password-file <file>', 'the password is its first line; - reads standard input. Without it you are asked');

export const USERS: VerbGroup = {
  topic: 'user',
  summary: 'Users and their passwords',
  verbs: [
    verb<LimitFlag & { readonly tenant: string; readonly prefix: string }>({
      verb: 'list',
      summary: 'List users, by tenant and name',
      args: [],
      options: [
        limit(),
        new Option('--tenant <name>', 'only of this tenant').default(''),
        new Option('--prefix <text>', 'names that begin so').default(''),
      ],
      examples: ['mqtt user list', 'mqtt user list --tenant acme', 'mqtt user list --prefix sensor- -o json'],
      run: (call, _args, flags) =>
        showList(call, USER_LIST, { after: '', ...flagsOf(flags) }, ['USER', 'TENANT', 'PASSWORD', 'SUPERUSER', 'COMMENT'], (user) => [
          ...[user.name, user.tenant, user.hasPassword ? 'yes' : 'none', user.isSuperuser ? 'yes' : 'no'],
          user.comment === '' ? '-' : user.comment,
        ]),
    }),
    verb<AddFlags>({
      verb: 'add',
      summary: 'Make a user; you are asked for the password',
      args: ['<name>'],
      options: [
        tenant(),
        passwordFile(),
        new Option('--superuser', 'may everything that clients may'),
        new Option('--comment <text>', 'for people').default(''),
      ],
      examples: [
        'mqtt user add alice',
        'mqtt user add alice --tenant acme --password-file alice.password',
        'mqtt user add root --superuser --comment "on call"',
      ],
      run: async (call, [name], flags) => {
        const password = await passwordFor(call.terminal, name, flags);
        return await putUser(call, {
          ...{ name, tenant: flags.tenant, password, when: 'create' },
          ...{ isSuperuser: flags.superuser === true, comment: flags.comment },
        });
      },
    }),
    verb<TenantFlag & PasswordFlag>({
      verb: 'passwd',
      summary: 'Give a user another password; you are asked for it',
      args: ['<name>'],
      options: [tenant(), passwordFile()],
      examples: ['mqtt user passwd alice', 'mqtt user passwd alice --password-file -', 'mqtt user passwd alice --tenant acme'],
      run: async (call, [name], flags) => {
        const password = await passwordFor(call.terminal, name, flags);
        return await putUser(call, { name, tenant: flags.tenant, password, when: 'change', isSuperuser: null, comment: null });
      },
    }),
    verb<TenantFlag>({
      verb: 'superuser',
      summary: 'Say whether a user may everything that clients may',
      args: ['<name>', '<yes|no>'],
      options: [tenant()],
      examples: ['mqtt user superuser alice yes', 'mqtt user superuser alice no', 'mqtt user superuser alice no --tenant acme'],
      faultOf: ([, answer]) => (['yes', 'no'].includes(answer) ? null : 'say yes or no behind the name'),
      run: (call, [name, answer], flags) =>
        putUser(call, { name, tenant: flags.tenant, password: null, when: 'change', isSuperuser: answer === 'yes', comment: null }),
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'Delete a user',
      args: ['<name>'],
      options: [tenant(), yes()],
      examples: ['mqtt user delete alice', 'mqtt user delete alice --yes', 'mqtt user delete alice --tenant acme --yes -o json'],
      run: async (call, [name], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete user "${name}"?`);
        return await tellDone(call, USER_DELETE, { tenant: flags.tenant, name, expected: null });
      },
    }),
  ],
};

interface UserWish {
  readonly name: string;
  readonly tenant: string;
  readonly password: string | null;
  readonly isSuperuser: boolean | null;
  readonly comment: string | null;
  readonly when: 'create' | 'change';
}

function putUser(call: RunCall, wish: UserWish): Promise<number> {
  return tellDone(call, USER_PUT, { ...wish, expected: null });
}

/** Of the flags only what the question asks: commander adds others. */
function flagsOf({
  limit: count,
  tenant: ofTenant,
  prefix,
}: {
  readonly limit: number;
  readonly tenant: string;
  readonly prefix: string;
}): {
  readonly limit: number;
  readonly tenant: string;
  readonly prefix: string;
} {
  return { limit: count, tenant: ofTenant, prefix };
}

/** @throws BrokerError RMQ-1001, RMQ-1025. */
async function passwordFor(terminal: Terminal, name: string, { passwordFile: path }: PasswordFlag): Promise<string> {
  if (path !== undefined) return firstLine(path);
  if (!terminal.isInteractive)
    throw new BrokerError('RMQ-1025', '(this is no terminal, so nobody can be asked)', { cure: 'Give --password-file' });
  const password = await terminal.secret(`Password of ${name}`);
  if (password === '') throw new BrokerError('RMQ-1025', '(nothing was done)');
  if ((await terminal.secret('Once more')) !== password) throw new BrokerError('RMQ-1025', '(the two are not the same; nothing was done)');
  return password;
}
