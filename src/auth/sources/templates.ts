import type { ConnectFacts } from '../ports.js';

/*
  Texts of the settings with places for what is known of a client:

    ${username} ${clientid} ${tenant} ${address} ${certificate} ${password}

  A template only says where a value belongs. Who uses it binds the values (SQL), escapes them (LDAP), or sets them beside each other where nothing can
  be read into them (a key of Redis, a field of JSON). Text that has been filled in is never looked at again.
*/

export type Placeholder = 'username' | 'clientid' | 'tenant' | 'address' | 'certificate' | 'password';

const PLACEHOLDER = /\$\{([^}]*)\}/g;
const NAMES: readonly string[] = ['username', 'clientid', 'tenant', 'address', 'certificate', 'password'];

function isPlaceholder(name: string): name is Placeholder {
  return NAMES.includes(name);
}

/** A text, compiled: fixed texts, and a place between each two. */
export class Template {
  readonly texts: readonly string[];
  readonly places: readonly Placeholder[];

  /** @throws RangeError if it names a place that there is not. */
  constructor(text: string) {
    const texts: string[] = [];
    const places: Placeholder[] = [];
    let from = 0;
    for (const match of text.matchAll(PLACEHOLDER)) {
      if (!isPlaceholder(match[1])) throw new RangeError(`there is no placeholder ${match[0]}; there are ${NAMES.join(', ')}`);
      texts.push(text.slice(from, match.index));
      places.push(match[1]);
      from = match.index + match[0].length;
    }
    texts.push(text.slice(from));
    this.texts = texts;
    this.places = places;
  }

  fill(facts: ConnectFacts, quote: (value: string) => string = (value) => value): string {
    let filled = this.texts[0];
    for (const [index, place] of this.places.entries()) filled += quote(valueAt(place, facts)) + this.texts[index + 1];
    return filled;
  }

  /** Values in their order, to be bound. */
  valuesOf(facts: ConnectFacts): string[] {
    return this.places.map((place) => valueAt(place, facts));
  }
}

/** Texts by name, each a template. */
export class TemplateTable {
  readonly #templates: readonly (readonly [string, Template])[];

  constructor(texts: Readonly<Record<string, string>>) {
    this.#templates = Object.entries(texts).map(([name, text]) => [name, new Template(text)] as const);
  }

  get places(): readonly Placeholder[] {
    return this.#templates.flatMap(([, template]) => template.places);
  }

  fill(facts: ConnectFacts): Record<string, string> {
    return Object.fromEntries(this.#templates.map(([name, template]) => [name, template.fill(facts)]));
  }
}

/** Values of some places: what an answer depends on. */
export function valuesAt(places: readonly Placeholder[], facts: ConnectFacts): string[] {
  return [...new Set(places)].map((place) => valueAt(place, facts));
}

export function valueAt(place: Placeholder, facts: ConnectFacts): string {
  switch (place) {
    case 'username':
      return facts.userName ?? '';
    case 'clientid':
      return facts.clientId;
    case 'tenant':
      return facts.tenant;
    case 'address':
      return facts.address;
    case 'certificate':
      return facts.certificate?.name ?? '';
    case 'password':
      return facts.password === null ? '' : new TextDecoder().decode(facts.password);
  }
}
