import { z } from 'zod';
import { DONE, type Done, type Page, pageOf, type Question, tenantAsk } from './question.js';
import { type Expecting, type Kept, type ResourceListAsk, type ResourceQuestions, resourceQuestions } from './resources.js';

/* Who may do what: users, rules and bans. */

const name = z.string().min(1).max(255).describe('Name');
const comment = z.string().max(1024).default('').describe('For people');

export interface UserRow {
  readonly tenant: string;
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly comment: string;
  /** False: no password lets this user in. */
  readonly hasPassword: boolean;
}

export interface UserKey {
  readonly tenant: string;
  readonly name: string;
}

const userRow: z.ZodType<Kept<UserRow>> = z.looseObject({
  ...{ tenant: z.string(), name: z.string(), isSuperuser: z.boolean(), comment: z.string(), hasPassword: z.boolean(), revision: z.int() },
});

/** What is null stays as it is, or is what a new user has. */
export interface UserPutAsk extends UserKey, Expecting {
  /** Empty: no password lets the user in. */
  readonly password: string | null;
  readonly isSuperuser: boolean | null;
  readonly comment: string | null;
  /** `create`: there must be none yet. `change`: there must be one. */
  readonly when: 'create' | 'change' | 'any';
}

const users: ResourceQuestions<UserRow, UserKey> = resourceQuestions<UserRow, UserKey>({
  ...{ noun: 'user', plural: 'users', path: '/mqtt/users', keyPath: '/{name}' },
  value: { tenant: tenantAsk, name, isSuperuser: z.boolean(), comment, hasPassword: z.boolean() },
  key: { tenant: tenantAsk, name },
});

export const USER_LIST: Question<ResourceListAsk, Page<Kept<UserRow>>> = { ...users.list, answers: pageOf(userRow) };

export const USER_PUT: Question<UserPutAsk, Done> = {
  name: 'mqtt-user-put',
  summary: 'Makes a user or changes one; the password is kept as a hash only',
  asks: z.strictObject({
    tenant: tenantAsk,
    name,
    password: z.string().max(4096).nullable().default(null).describe('Empty: no password lets the user in; null: as before'),
    isSuperuser: z.boolean().nullable().default(null).describe('May everything; null: as before'),
    comment: z.string().max(1024).nullable().default(null).describe('For people; null: as before'),
    when: z.enum(['create', 'change', 'any']).default('any').describe('create: only if there is none; change: only if there is one'),
    expected: z.int().min(0).nullable().default(null).describe('Only if it has this revision'),
  }),
  answers: DONE,
  http: { method: 'PUT', path: '/mqtt/users/{name}' },
};

export const USER_DELETE: Question<UserKey & Expecting, Done> = users.delete;

export interface AclRule {
  readonly tenant: string;
  readonly name: string;
  readonly order: number;
  readonly permission: 'allow' | 'deny';
  readonly principal: { readonly kind: 'user' | 'client' | 'address' | 'any'; readonly value: string };
  readonly actions: readonly ('publish' | 'subscribe')[];
  readonly filter: string;
  readonly qos: readonly number[];
  readonly retain: 'any' | 'retained' | 'plain';
}

export const ACL_RULES: ResourceQuestions<AclRule, UserKey> = resourceQuestions<AclRule, UserKey>({
  ...{ noun: 'acl-rule', plural: 'rules of access', path: '/mqtt/acl-rules', keyPath: '/{name}' },
  value: {
    tenant: tenantAsk,
    name,
    order: z.int().min(0).default(100).describe('Lower ones are looked at first; equal ones by name'),
    permission: z.enum(['allow', 'deny']),
    principal: z
      .strictObject({ kind: z.enum(['user', 'client', 'address', 'any']), value: z.string().max(255).default('') })
      .default({ kind: 'any', value: '' })
      .describe('Whom it is about; an address may be a network'),
    actions: z
      .array(z.enum(['publish', 'subscribe']))
      .min(1)
      .default(['publish', 'subscribe']),
    filter: z.string().min(1).max(65_535).describe('Topics; ${clientid} and ${username} stand for those of the client'),
    qos: z.array(z.int().min(0).max(2)).max(3).default([]).describe('Empty: all'),
    retain: z.enum(['any', 'retained', 'plain']).default('any').describe('Publishes with the retain flag, without, or both'),
  },
  key: { tenant: tenantAsk, name },
});

export interface Ban {
  readonly tenant: string;
  readonly kind: 'client' | 'user' | 'address' | 'client-pattern' | 'user-pattern';
  readonly value: string;
  readonly untilMs: number;
  readonly reason: string;
  readonly by: string;
}

export interface BanKey {
  readonly tenant: string;
  readonly kind: Ban['kind'];
  readonly value: string;
}

const kind = z.enum(['client', 'user', 'address', 'client-pattern', 'user-pattern']);
const value = z.string().min(1).max(255).describe('Client identifier, user, address or network, or a pattern with * and ?');

export const BANS: ResourceQuestions<Ban, BanKey> = resourceQuestions<Ban, BanKey>({
  ...{ noun: 'ban', plural: 'bans', path: '/mqtt/bans', keyPath: '/{kind}/{value}' },
  value: {
    tenant: tenantAsk,
    kind,
    value,
    untilMs: z.int().min(0).default(0).describe('Milliseconds since the epoch; 0: for ever'),
    reason: z.string().max(1024).default(''),
    by: z.string().max(255).default('').describe('Who wants it so'),
  },
  key: { tenant: tenantAsk, kind, value },
});
