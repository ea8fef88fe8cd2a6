import fc from 'fast-check';
import type { SubscriptionOptions } from '../../src/broker/ports.js';

/** MQTT 5.0 §4.7 as it is written, slow and plain: what the trie is compared with. */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (let index = 0; index < wanted.length; index += 1) {
    if (wanted[index] === '#') return true;
    if (index === given.length) return false;
    if (wanted[index] !== '+' && wanted[index] !== given[index]) return false;
    // `a/#` includes its parent.
    if (index === given.length - 1 && wanted[index + 1] === '#' && wanted.length === given.length + 1) return true;
  }
  return wanted.length === given.length;
}

export function optionsOf(changes: Partial<SubscriptionOptions> = {}): SubscriptionOptions {
  return { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: 0, ...changes };
}

/** Few different levels, so that names meet often; the empty level is among them. */
const level = fc.constantFrom('a', 'b', 'ab', '', '$x', 'ü');

export const topicArbitrary: fc.Arbitrary<string> = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic.length > 0);

export const filterArbitrary: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, endsInPound]) => [...levels, ...(endsInPound ? ['#'] : [])].join('/'))
  .filter((filter) => filter.length > 0);

/** Runs of a random test; TEST_SEED replays the seed that a failure printed. */
export function randomRuns(numRuns: number): { numRuns: number; seed?: number } {
  const seed = process.env.TEST_SEED;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
