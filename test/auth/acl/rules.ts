import type { AccessRule, Identity } from '../../../src/auth/ports.js';

// Text of a rule and not of a template: the braces are meant.
const placeholder = (name: string): string => `$\{${name}}`;
export const CLIENT_ID: string = placeholder('clientid');
export const USER_NAME: string = placeholder('username');
/** There is none of that name: it is text. */
export const OTHER: string = placeholder('other');

/** A rule that allows everybody to publish and subscribe, but for what is given. */
export function rule(filter: string, fields: Partial<AccessRule> = {}): AccessRule {
  return {
    order: 0,
    permission: 'allow',
    principal: { kind: 'any', value: '' },
    actions: ['publish', 'subscribe'],
    filter,
    qos: [],
    retain: 'any',
    ...fields,
  };
}

export function identity(fields: Partial<Identity> = {}): Identity {
  return {
    tenant: 'default',
    user: 'ann',
    clientId: 'c1',
    address: '10.1.2.3',
    isSuperuser: false,
    source: 'password_file',
    expiresAtMs: 0,
    rules: null,
    ...fields,
  };
}
