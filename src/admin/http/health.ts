import type { AdminAccess, HealthCheck } from '../ports.js';

/*
  Health, for orchestrators and load balancers. Without the token answers are terse: yes or no.

    /health/live      the process turns; never looks at peers
    /health/startup   it has served at least once
    /health/ready     it serves now; no longer when it is told to stop
    /health/checks/x  one thing
*/

export interface HealthAnswer {
  readonly status: 200 | 404 | 503;
  readonly body: object;
}

export function live(): HealthAnswer {
  return { status: 200, body: { status: 'ok' } };
}

export function ready(access: AdminAccess, isVerbose: boolean): HealthAnswer {
  const checks = access.checks();
  const isWell = access.isServing && checks.every((check) => check.isWell || !check.isNeeded);
  return answer(isWell, isVerbose, checks);
}

export function started(hasServed: boolean): HealthAnswer {
  return { status: hasServed ? 200 : 503, body: { status: hasServed ? 'ok' : 'starting' } };
}

/** Of the node's own parts, or of the cluster: whatever the name begins with. */
export function group(access: AdminAccess, names: readonly string[], isVerbose: boolean): HealthAnswer {
  const checks = access.checks().filter(({ name }) => names.includes(name));
  return answer(
    checks.every(({ isWell }) => isWell),
    isVerbose,
    checks,
  );
}

export function oneCheck(access: AdminAccess, name: string, isVerbose: boolean): HealthAnswer {
  const check = access.checks().find((it) => it.name === name);
  if (check === undefined) return { status: 404, body: { status: 'unknown' } };
  return answer(check.isWell, isVerbose, [check]);
}

function answer(isWell: boolean, isVerbose: boolean, checks: readonly HealthCheck[]): HealthAnswer {
  const status = isWell ? 'ok' : 'unavailable';
  const rows = checks.map(({ name, isWell: isOk, sentence }) => ({ name, status: isOk ? 'ok' : 'unavailable', sentence }));
  return { status: isWell ? 200 : 503, body: isVerbose ? { status, checks: rows } : { status } };
}
