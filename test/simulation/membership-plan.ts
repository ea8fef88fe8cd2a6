import { membersOf } from '../../src/raft/configuration-change.js';
import type { ChangeTransition, ConfigurationChange, ConfigurationState, NodeId, SingleChange } from '../../src/raft/messages.js';
import type { SimulatedNode } from './simulated-node.js';
import type { World } from './world.js';
import { pick } from './world-options.js';

const MINUTE_MS = 60_000;
const MEMBERS_MAX = 7;
const VOTERS_MAX = 5;
const VOTERS_MIN = 3;
/** A node that was removed goes on for a while: it does not know, and asks for votes. */
const LINGER_MS = 8_000;
const NO_CONTEXT = new Uint8Array(0);

/** While a joint configuration waits to be left, after all is healed. */
const LEAVES_PER_MINUTE = 60;

/** An operator who never rests: members join, become voters, leave, one by one and several at once. */
export class MembershipPlan {
  readonly #world: World;
  readonly #leaving = new Set<NodeId>();
  #idNext = 100;

  constructor(world: World) {
    this.#world = world;
  }

  begin(changesPerMinute: number): void {
    if (changesPerMinute > 0) this.#plan(changesPerMinute);
  }

  /** Some operators do not wait to see whether a leader knows what is committed. */
  onLeader(leader: SimulatedNode): void {
    const { random, events, options, isHealed } = this.#world;
    if (options.faultsPerMinute.membership === 0 || isHealed || random.below(3) > 0) return;
    events.after(random.nextFraction() * 100, () => leader.enter(() => this.#change(leader)));
  }

  /** No more changes; one that has to be left by hand is left soon. */
  onHealed(): void {
    this.#plan(LEAVES_PER_MINUTE);
  }

  #plan(changesPerMinute: number): void {
    const { events, random } = this.#world;
    events.after((-Math.log(1 - random.nextFraction()) * MINUTE_MS) / changesPerMinute, () => {
      const { leader } = this.#world;
      // Several at once: all but the first are to be refused.
      for (let count = 1 + random.below(3); count > 0; count -= 1) leader?.enter(() => this.#change(leader));
      // An explicit change has to be left: also after all is healed.
      if (!this.#world.isHealed || this.#isJoint()) this.#plan(changesPerMinute);
    });
  }

  #isJoint(): boolean {
    const { leader } = this.#world;
    return leader === null || (leader.driver?.configuration.votersOutgoing.length ?? 0) > 0;
  }

  #change(leader: SimulatedNode): void {
    const { driver } = leader;
    if (driver === null || !driver.isLeader) return;
    const { configuration } = driver;
    this.#retire(configuration);
    const change = this.#nextChange(configuration);
    if (change === null) return;
    const isUnderWay =
      driver.changeConfiguration(change, () => {
        this.#world.rare.count(
          `change of members: ${change.changes.length === 0 ? 'leave joint' : change.changes.map(({ type }) => type).join(', ')}`,
        );
      }) === null;
    this.#world.trace(
      `change by ${leader.id}: ${change.transition} ${change.changes.map(({ type, node }) => `${type} ${node}`)} ${isUnderWay}`,
    );
  }

  /** Those that are members no more end, after a while. */
  #retire(configuration: ConfigurationState): void {
    const { nodes, events, compromised } = this.#world;
    const members = membersOf(configuration);
    for (const id of compromised) if (this.#world.nodeOf(id)?.phase === 'gone' && !members.includes(id)) compromised.delete(id);
    for (const node of nodes) {
      if (members.includes(node.id) || this.#leaving.has(node.id) || !this.#wasMember(node)) continue;
      this.#leaving.add(node.id);
      events.after(LINGER_MS, () => {
        this.#leaving.delete(node.id);
        const now = this.#world.leader?.driver?.configuration;
        if (now === undefined || membersOf(now).includes(node.id)) return;
        compromised.delete(node.id);
        this.#world.removeNode(node);
      });
    }
  }

  /** A node that was started to join is none until somebody makes it one. */
  #wasMember(node: SimulatedNode): boolean {
    return node.id < 100 || (node.driver?.appliedIndex ?? 0) > 0;
  }

  #nextChange(configuration: ConfigurationState): ConfigurationChange | null {
    const { random, nodes, compromised, isHealed } = this.#world;
    const { voters, votersOutgoing, learners, autoLeave } = configuration;
    if (votersOutgoing.length > 0) return autoLeave ? null : changeOf('auto', []);
    if (isHealed) return null;
    const lost = [...voters, ...learners].find((id) => this.#world.nodeOf(id)?.phase === 'gone');
    if (lost !== undefined && random.below(2) === 0) return changeOf('auto', [{ type: 'remove', node: lost }]);
    const members = [...voters, ...learners];
    const spare = nodes.find((node) => !members.includes(node.id) && node.id >= 100 && !this.#leaving.has(node.id));
    const deeds: (() => ConfigurationChange | null)[] = [];
    if (members.length < MEMBERS_MAX) deeds.push(() => changeOf('auto', [{ type: 'add-learner', node: spare?.id ?? this.#recruit() }]));
    for (const learner of learners) {
      if (voters.length < VOTERS_MAX) deeds.push(() => changeOf('auto', [{ type: 'add-voter', node: learner }]));
      if (compromised.size === 0) deeds.push(() => this.#exchange(learner, pick(random, voters)));
      deeds.push(() => changeOf('auto', [{ type: 'remove', node: learner }]));
    }
    if (learners.length > 1 && compromised.size === 0) deeds.push(() => this.#exchangeMost(learners, voters));
    if (voters.length > VOTERS_MIN && compromised.size === 0) {
      deeds.push(() => changeOf('auto', [{ type: pick(random, ['remove', 'add-learner'] as const), node: pick(random, voters) }]));
    }
    if (voters.length >= VOTERS_MIN + 2 && compromised.size === 0) deeds.push(() => this.#shrink(voters));
    return deeds.length === 0 ? null : pick(random, deeds)();
  }

  /** One goes, another comes, at once. */
  #exchange(comes: NodeId, goes: NodeId): ConfigurationChange {
    const { random } = this.#world;
    const type = pick(random, ['remove', 'add-learner'] as const);
    return changeOf(pick(random, ['auto', 'implicit', 'explicit'] as const), [
      { type: 'add-voter', node: comes },
      { type, node: goes },
    ]);
  }

  /** Learners take the place of as many voters: majorities before and after may have nobody in common. */
  #exchangeMost(learners: readonly NodeId[], voters: readonly NodeId[]): ConfigurationChange {
    const { random } = this.#world;
    const count = Math.min(learners.length, voters.length);
    const first = random.below(voters.length);
    const goes = voters.map((_, at) => voters[(first + at) % voters.length]).slice(0, count);
    return changeOf(pick(random, ['implicit', 'explicit'] as const), [
      ...learners.slice(0, count).map((node): SingleChange => ({ type: 'add-voter', node })),
      ...goes.map((node): SingleChange => ({ type: 'remove', node })),
    ]);
  }

  /** Two go at once, the leader perhaps among them. */
  #shrink(voters: readonly NodeId[]): ConfigurationChange {
    const { random } = this.#world;
    const first = random.below(voters.length);
    const second = (first + 1 + random.below(voters.length - 1)) % voters.length;
    return changeOf(
      'explicit',
      [voters[first], voters[second]].map((node) => ({ type: 'remove', node })),
    );
  }

  #recruit(): NodeId {
    this.#idNext += 1;
    const node = this.#world.addNode(this.#idNext);
    this.#world.events.after(0, () => {
      if (node.phase === 'down') node.start();
    });
    return node.id;
  }
}

function changeOf(transition: ChangeTransition, changes: readonly SingleChange[]): ConfigurationChange {
  return { transition, changes, context: NO_CONTEXT };
}
