/*
  Texts of rules in which ${clientid}, ${username} and ${host} stand for those of the client that the rule is applied to.

  A client chooses its identifier, and often its name: one with a wildcard or a slash would reach beyond the level that the operator meant for it, so
  such a text cannot be filled.
*/

/** Who a text is filled for. Empty fields: there is none. */
export interface ClientNames {
  readonly clientId: string;
  readonly user: string;
  /** Address without port. */
  readonly host: string;
}

export type Placeholder = 'clientid' | 'username' | 'host';

const PLACEHOLDER = /\$\{(clientid|username|host)\}/g;

/** @returns null if a placeholder of the text stands for nothing, or for what is more than a part of a level. */
export function fillPlaceholders(text: string, names: ClientNames): string | null {
  let isWhole = true;
  const filled = text.replace(PLACEHOLDER, (_, which: Placeholder) => {
    const value = nameFor(which, names);
    if (value === null) isWhole = false;
    return value ?? '';
  });
  return isWhole ? filled : null;
}

/** Null: it stands for nothing, or for what is more than a part of a level. */
export function nameFor(which: Placeholder, { clientId, user, host }: ClientNames): string | null {
  const name = which === 'clientid' ? clientId : which === 'username' ? user : host;
  return name === '' || /[/+#]/.test(name) ? null : name;
}
