import { EMPTY_CONFIGURATION } from '../../src/raft/messages.js';
import type { SimulatedNode } from './simulated-node.js';
import { fileName } from './snapshot-files.js';
import { rottableStretches } from './store-opening.js';
import type { World } from './world.js';
import { FAULTS, type Fault, pick } from './world-options.js';

const MINUTE_MS = 60_000;
const LEADER_CHANCE = 0.4;

/** What befalls a world in its safety phase, and how it ends. */
export class FaultPlan {
  readonly #world: World;
  readonly #deeds: Readonly<Record<Exclude<Fault, 'membership'>, () => void>> = {
    crash: () => this.#onSomebody((node) => this.crash(node, false)),
    'power-cut': () => this.#powerCut(),
    pause: () => this.#onSomebody((node) => this.#pause(node)),
    partition: () => this.#partition(),
    clog: () => this.#clog(),
    'slow-disk': () => this.#onSomebody((node) => this.#slowDisk(node)),
    'full-disk': () => this.#onSomebody((node) => this.#fullDisk(node)),
    'disk-error': () => this.#onSomebody((node) => this.#failDisk(node)),
    rot: () => this.#rot(),
    wipe: () => this.#wipe(),
    skew: () => this.#onSomebody((node) => this.#skew(node)),
    'wall-jump': () => this.#onSomebody((node) => this.#jump(node)),
    transfer: () => this.#transfer(),
  };
  /** What a damaged disk must have again to count as whole. */
  readonly #redeemedAt = new Map<SimulatedNode, number>();

  constructor(world: World) {
    this.#world = world;
  }

  begin(): void {
    for (const node of this.#world.nodes) this.#skew(node);
    for (const fault of FAULTS) if (fault !== 'membership') this.#plan(fault);
  }

  /** Nothing is broken any more, and everything that can runs. */
  heal(): void {
    const { network, nodes } = this.#world;
    network.heal();
    for (const node of nodes) {
      node.disk.isFull = false;
      node.disk.slowMs = 0;
      node.disk.failsNextFlush = false;
      node.pausedUntilMs = 0;
      node.clockRate = 1;
      if (node.phase === 'down') node.start();
    }
  }

  crash(node: SimulatedNode, isPowerCut: boolean): void {
    const { random, events } = this.#world;
    if (node.phase !== 'up') return;
    this.#world.trace(`node ${node.id} ${isPowerCut ? 'loses power' : 'is killed'}`);
    node.crash(isPowerCut);
    const downMs = pick(random, [50, 500, 5000, 20_000]) * (0.5 + random.nextFraction());
    events.after(downMs, () => {
      if (node.phase !== 'down') return;
      this.#world.trace(`node ${node.id} starts`);
      node.start();
    });
  }

  onLeader(node: SimulatedNode): void {
    const { random, options, nodes, network, isHealed } = this.#world;
    if (isHealed || random.nextFraction() >= options.newLeaderTrouble) return;
    const { flushMs } = options.disk;
    this.#later(pick(random, [1, flushMs, 3 * flushMs + options.network.delayMsMax]), () => {
      if (!node.isLeader || this.#world.isHealed) return;
      this.#world.rare.count('trouble for a new leader');
      const kind = random.below(3);
      if (kind < 2) this.crash(node, kind === 0);
      else {
        for (const other of nodes) if (other !== node && random.below(3) > 0) network.cut(node.id, other.id);
        this.#later(3000, () => {
          for (const other of nodes) network.mend(node.id, other.id);
        });
      }
    });
  }

  /** A node whose disk had lost something has it all again. */
  maybeRedeem(node: SimulatedNode): void {
    const needed = this.#redeemedAt.get(node);
    if (needed === undefined || node.commitSeen < needed || node.store?.damagedUpTo !== 0) return;
    this.#redeemedAt.delete(node);
    this.#world.compromised.delete(node.id);
    this.#world.rare.count('damaged disk whole again');
  }

  #plan(fault: Exclude<Fault, 'membership'>): void {
    const { events, random, options } = this.#world;
    const rate = options.faultsPerMinute[fault];
    if (rate === 0) return;
    events.after((-Math.log(1 - random.nextFraction()) * MINUTE_MS) / rate, () => {
      if (this.#world.isHealed) return;
      this.#deeds[fault]();
      this.#plan(fault);
    });
  }

  /** Often the leader: that is where it hurts. */
  #onSomebody(befall: (node: SimulatedNode) => void): void {
    const { random, leader, nodes } = this.#world;
    const node = leader !== null && random.nextFraction() < LEADER_CHANCE ? leader : pick(random, nodes);
    befall(node);
  }

  /** Of one, some or all at once. */
  #powerCut(): void {
    const { random, nodes } = this.#world;
    const all = random.below(3) === 0;
    if (all) this.#world.rare.count('power cut of all');
    for (const node of nodes) if (all || random.below(2) === 0) this.crash(node, true);
  }

  #pause(node: SimulatedNode): void {
    const { random, events, trace } = this.#world;
    const pauseMs = pick(random, [200, 1000, 3000, 30_000]) * (0.5 + random.nextFraction());
    if (node.isLeader && pauseMs > 3000) this.#world.rare.count('leader paused for long');
    trace.call(this.#world, `node ${node.id} is paused for ${pauseMs.toFixed(0)} ms`);
    node.pausedUntilMs = Math.max(node.pausedUntilMs, events.nowMs + pauseMs);
  }

  #partition(): void {
    const { random, network } = this.#world;
    const { kind, isApart } = this.#drawPartition();
    const cuts = this.#pairs().filter(([a, b]) => isApart(a, b));
    for (const [a, b] of cuts) network.cut(a.id, b.id);
    this.#world.trace(`partition: ${kind} ${cuts.map(([a, b]) => `${a.id}>${b.id}`).join(' ')}`);
    this.#later(pick(random, [300, 2000, 6000, 20_000]), () => {
      for (const [a, b] of cuts) network.mend(a.id, b.id);
    });
  }

  #drawPartition(): { readonly kind: string; readonly isApart: (a: SimulatedNode, b: SimulatedNode) => boolean } {
    const { random, nodes, leader } = this.#world;
    const kind = pick(random, ['one', 'leader', 'halves', 'sets', 'one way', 'link'] as const);
    const one = kind === 'leader' && leader !== null ? leader : pick(random, nodes);
    const other = pick(random, nodes);
    const side = new Set(nodes.filter(() => random.below(2) === 0));
    const { voters, votersOutgoing } = leader?.driver?.configuration ?? EMPTY_CONFIGURATION;
    switch (kind) {
      case 'halves':
        return { kind, isApart: (a, b) => side.has(a) !== side.has(b) };
      case 'sets': {
        // Voters to come from voters to go: each side may hold a majority of one set.
        const isNew = ({ id }: SimulatedNode): boolean => voters.includes(id) && !votersOutgoing.includes(id);
        return { kind, isApart: (a, b) => votersOutgoing.length > 0 && isNew(a) !== isNew(b) };
      }
      case 'link':
        return { kind, isApart: (a, b) => a === one && b === other };
      case 'one way':
        return { kind, isApart: random.below(2) === 0 ? (a) => a === one : (_, b) => b === one };
      default:
        return { kind, isApart: (a, b) => (a === one) !== (b === one) };
    }
  }

  /** Links stop one after the other, and go on in another order (FoundationDB's swizzle-clog). */
  #clog(): void {
    const { random, network } = this.#world;
    for (const [a, b] of this.#pairs()) {
      if (random.below(2) === 0) continue;
      this.#later(3000, () => {
        if (this.#world.isHealed) return;
        network.clog(a.id, b.id);
        this.#later(pick(random, [500, 4000]), () => network.unclog(a.id, b.id));
      });
    }
  }

  #slowDisk({ disk }: SimulatedNode): void {
    const { random } = this.#world;
    disk.slowMs = pick(random, [50, 300, 2000]);
    this.#later(pick(random, [1000, 10_000]), () => {
      disk.slowMs = 0;
    });
  }

  #fullDisk({ disk }: SimulatedNode): void {
    disk.isFull = true;
    this.#world.rare.count('disk full');
    this.#later(8000, () => {
      disk.isFull = false;
    });
  }

  #failDisk({ disk }: SimulatedNode): void {
    disk.failsNextFlush = true;
  }

  /** Bits of what was flushed turn over on a machine that is off; it finds out when it starts. */
  #rot(): void {
    const { random, nodes, compromised, truth, leader } = this.#world;
    if (compromised.size > 0 || leader === null) return;
    const node = pick(random, nodes);
    const { voters, votersOutgoing, learners } = leader.driver?.configuration ?? EMPTY_CONFIGURATION;
    const isMember = voters.includes(node.id) || learners.includes(node.id);
    if (node.phase !== 'up' || !isMember || voters.length < 3 || votersOutgoing.length > 0) return;
    const serials = node.store?.generations.map(({ serial }) => serial) ?? [];
    this.crash(node, random.below(2) === 0);
    const stretches = rottableStretches(node.disk);
    const newest = serials.length === 2 ? fileName(serials[0]) : null;
    if (newest !== null && node.disk.names().includes(newest) && random.below(2) === 0) {
      node.disk.rot(newest, 0, node.disk.read(newest).length);
      this.#world.rare.count('rot in a snapshot');
    } else if (stretches.length > 0) {
      const { name, from, to } = pick(random, stretches);
      node.disk.rot(name, from, to);
      this.#world.rare.count('rot in the log');
    } else return;
    this.#world.trace(`node ${node.id} rots`);
    compromised.add(node.id);
    this.#redeemedAt.set(node, truth.last);
  }

  /** A disk is lost, and the machine with it: what comes in its place has another number. */
  #wipe(): void {
    const { random, nodes, compromised, options, leader } = this.#world;
    if (compromised.size > 0 || leader === null || options.faultsPerMinute.membership === 0) return;
    const node = pick(random, nodes);
    const { voters, votersOutgoing } = leader.driver?.configuration ?? EMPTY_CONFIGURATION;
    if (node.phase !== 'up' || !voters.includes(node.id) || voters.length < 3 || votersOutgoing.length > 0) return;
    this.#world.trace(`node ${node.id} is lost`);
    this.#world.rare.count('machine lost');
    compromised.add(node.id);
    this.#world.removeNode(node);
  }

  #skew(node: SimulatedNode): void {
    const { random, options } = this.#world;
    node.clockRate = 1 + (2 * random.nextFraction() - 1) * options.skewMax;
  }

  #jump(node: SimulatedNode): void {
    node.wallMs += (2 * this.#world.random.nextFraction() - 1) * 3_600_000;
  }

  #transfer(): void {
    const { leader, random } = this.#world;
    const { voters } = leader?.driver?.configuration ?? EMPTY_CONFIGURATION;
    if (leader === null || voters.length === 0) return;
    leader.enter(() => leader.driver?.transferLeadership(pick(random, voters)));
  }

  #pairs(): [SimulatedNode, SimulatedNode][] {
    const { nodes } = this.#world;
    return nodes.flatMap((a) => nodes.filter((b) => b !== a).map((b): [SimulatedNode, SimulatedNode] => [a, b]));
  }

  #later(aboutMs: number, run: () => void): void {
    const { events, random } = this.#world;
    events.after(aboutMs * (0.5 + random.nextFraction()), run);
  }
}
