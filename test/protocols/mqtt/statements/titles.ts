import assert from 'node:assert/strict';
import type { SpecificationName } from './statement.js';

/*
  What a test proves stands in its title:

    5.0 MQTT-3.3.1-12 MQTT-3.3.1-8 | 3.1.1 MQTT-3.3.1-9: a live message has RETAIN 0

  For each version the statements, possibly none, then the sentence.
*/

export interface Proof {
  readonly name: SpecificationName;
  readonly ids: readonly string[];
}

export interface Title {
  readonly proofs: readonly Proof[];
  readonly sentence: string;
}

const TITLE = /^(?:5\.0|3\.1\.1)(?: MQTT-\d[\d.]*-\d+)*(?: \| (?:5\.0|3\.1\.1)(?: MQTT-\d[\d.]*-\d+)*)*: ./;
/** Literals that look as if they were meant as titles. */
const LITERAL = /['`](?:5\.0|3\.1\.1) [^'`\n]*/g;

export function readTitle(title: string): Title {
  assert.match(title, TITLE, 'a title names versions and statements, then says what happens');
  const colon = title.indexOf(': ');
  const proofs = title
    .slice(0, colon)
    .split(' | ')
    .map((part): Proof => {
      const [name, ...ids] = part.split(' ');
      return { name: name === '5.0' ? '5.0' : '3.1.1', ids };
    });
  return { proofs, sentence: title.slice(colon + 2) };
}

/** All titles in the source of a test. */
export function titlesIn(source: string): Title[] {
  return [...source.matchAll(LITERAL)].map(([literal]) => readTitle(literal.slice(1)));
}
