import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import type { SharedStrategy } from '../../../src/broker/shared/ports.js';
import { countOf } from '../../durability/run-options.js';
import { QueueWorld, type Session } from './queue-world.js';

const STRATEGIES: readonly SharedStrategy[] = ['round-robin', 'sticky', 'random', 'hash-client', 'hash-topic', 'least-inflight'];
const SEEDS = countOf('SHARED_SEEDS', 30);
const SEED_FIRST = countOf('SHARED_SEED', 1);
const STEPS = 600;
const SESSIONS_MAX = 8;

/** A random history, and then an eager member that takes all that is left. */
function play(seed: number, strategy: SharedStrategy, withCrashes: boolean): { readonly world: QueueWorld; readonly crashes: number } {
  const random = new SeededRandom(seed);
  const world = new QueueWorld(strategy, 1 + random.below(5), 1 + random.below(3));
  const any = (): Session => world.sessions[random.below(world.sessions.length)];
  let crashes = 0;
  world.join(random.below(2), true, 2);
  for (let step = 0; step < STEPS; step += 1) {
    const dice = random.below(100);
    if (dice < 20) world.publish(random);
    else if (dice < 28) world.commit();
    else if (dice < 34) world.turn();
    else if (dice < 40) world.commitMembers(random.below(2));
    else if (dice < 60) world.acknowledge(any(), random);
    else if (dice < 64) world.flush(random.below(2));
    else if (dice < 66) world.disconnect(any());
    else if (dice < 70) world.reconnect(any());
    else if (dice < 71) world.end(any());
    else if (dice < 73 && world.sessions.length < SESSIONS_MAX)
      world.join(random.below(2), random.below(2) === 0, random.below(2) === 0 ? 1 : 2);
    else if (dice === 73 && withCrashes) {
      if (random.below(2) === 0) world.crash();
      else world.memberDeath(random.below(2));
      crashes += 1;
    } else world.arrive(random);
  }
  for (const session of world.sessions) world.reconnect(session);
  world.join(0, true, 2);
  for (let round = 0; round < 2000; round += 1) {
    for (let i = 0; i < 20; i += 1) world.arrive(random);
    for (const shard of [0, 1]) world.commitMembers(shard);
    for (const session of world.sessions) for (let i = 0; i < 3; i += 1) world.acknowledge(session, random);
    for (const shard of [0, 1]) world.flush(shard);
    world.commit();
    if (round % 50 === 49) world.tick();
    if (round > 60 && world.waiting === 0) break;
  }
  return { world, crashes };
}

function check({ world, crashes }: { readonly world: QueueWorld; readonly crashes: number }, what: string): void {
  let { unsent } = world;
  assert.equal(world.waiting, 0, `${what}: nothing is left`);
  for (const [record, { qos, isQueued, seenBy, acknowledged, isDropped }] of world.published.entries()) {
    if (!isQueued) continue;
    const saw = `${what}: record ${record} of QoS ${qos}, seen ${seenBy.length}, acknowledged ${acknowledged}`;
    if (acknowledged === 0 && !isDropped) {
      assert.ok(qos === 2 && unsent > 0, `${saw}, is lost`);
      unsent -= 1;
    }
    if (crashes === 0) assert.ok(acknowledged <= 1, `${saw}, is finished once`);
    const exactly = seenBy.filter((session) => session.qos === 2).length;
    if (qos === 2) assert.ok(exactly <= 1 || crashes > 0, `${saw}, comes once with QoS 2`);
    // After a crash too, as long as everybody who saw it has a session that outlives it.
    if (qos === 2 && seenBy.every((session) => session.qos === 2)) assert.ok(exactly <= 1, `${saw}, comes once with QoS 2`);
  }
}

for (const strategy of STRATEGIES) {
  test(`shared queues: each message is one member’s, none is lost, whatever members do (${strategy})`, () => {
    for (let seed = SEED_FIRST; seed < SEED_FIRST + SEEDS; seed += 1) check(play(seed, strategy, false), `seed ${seed}`);
  });

  test(`shared queues: after crashes none is lost, and none comes twice with QoS 2 (${strategy})`, () => {
    for (let seed = SEED_FIRST; seed < SEED_FIRST + SEEDS; seed += 1) check(play(seed, strategy, true), `seed ${seed}`);
  });
}
