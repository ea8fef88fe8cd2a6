import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { PublishMemory } from '../../../src/protocols/mqtt/rights.js';

test('rights: a topic is remembered for each way of publishing by itself', () => {
  const memory = new PublishMemory();
  assert.equal(memory.recall(7, 1, 0), -1);
  memory.note(7, 1, 0, true);
  memory.note(7, 1, 5, false);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((way) => memory.recall(7, 1, way)),
    [1, -1, -1, -1, -1, 0],
  );
});

test('rights: a number that was given to another topic is not remembered', () => {
  const memory = new PublishMemory();
  memory.note(7, 1, 2, true);
  assert.equal(memory.recall(7, 2, 2), -1);
  memory.note(7, 2, 3, false);
  assert.equal(memory.recall(7, 2, 2), -1, 'what was known of the topic before is gone');
  assert.equal(memory.recall(7, 2, 3), 0);
});

test('rights: what is remembered is what was noted last, whatever the order', () => {
  const random = new SeededRandom(5);
  const memory = new PublishMemory();
  const truth = new Map<string, boolean>();
  const generations = new Map<number, number>();
  for (let step = 0; step < 20_000; step += 1) {
    const topic = random.nextU32() % 500;
    const way = random.nextU32() % 6;
    if (random.nextU32() % 50 === 0) {
      generations.set(topic, (generations.get(topic) ?? 0) + 1);
      for (let i = 0; i < 6; i += 1) truth.delete(`${topic} ${i}`);
    }
    const generation = generations.get(topic) ?? 0;
    const known = truth.get(`${topic} ${way}`);
    const recalled = memory.recall(topic, generation, way);
    assert.equal(recalled, known === undefined ? -1 : known ? 1 : 0, `step ${step} of seed 5`);
    const isAllowed = random.nextU32() % 2 === 0;
    memory.note(topic, generation, way, isAllowed);
    truth.set(`${topic} ${way}`, isAllowed);
  }
});
