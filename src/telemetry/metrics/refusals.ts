/* Why a connection was not let in, what became of authentications, and why we ended connections. Slots of the rows
   COUNT.connectionsRefused, COUNT.authentications and COUNT.connectionsEnded. */

export const REFUSAL = {
  badCredentials: 56,
  notAuthorized: 57,
  banned: 58,
  busy: 59,
  unavailable: 60,
  badMethod: 61,
  quota: 62,
  clientId: 63,
  malformed: 64,
  shuttingDown: 65,
  other: 66,
} as const;

export const REFUSAL_REASONS: Readonly<Record<keyof typeof REFUSAL, string>> = {
  badCredentials: 'bad-credentials',
  notAuthorized: 'not-authorized',
  banned: 'banned',
  busy: 'busy',
  unavailable: 'unavailable',
  badMethod: 'bad-method',
  quota: 'quota',
  clientId: 'client-id',
  malformed: 'malformed',
  shuttingDown: 'shutting-down',
  other: 'other',
};

export const AUTHENTICATION = {
  admitted: 72,
  'bad-credentials': 73,
  'not-authorized': 74,
  banned: 75,
  busy: 76,
  unavailable: 77,
  'bad-method': 78,
} as const;

/** Of connections that were let in. */
export const ENDING = {
  keepAlive: 96,
  takenOver: 97,
  violation: 98,
  byOperator: 99,
  expired: 100,
  notAuthorized: 101,
  quota: 102,
  shuttingDown: 103,
  other: 104,
} as const;

export const ENDING_REASONS: Readonly<Record<keyof typeof ENDING, string>> = {
  keepAlive: 'keep-alive',
  takenOver: 'taken-over',
  violation: 'violation',
  byOperator: 'operator',
  expired: 'credentials-expired',
  notAuthorized: 'not-authorized',
  quota: 'quota',
  shuttingDown: 'shutting-down',
  other: 'other',
};
