import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import mqtt from 'mqtt';
import type { AccessRule } from '../../src/auth/ports.js';
import type { RunningNode } from '../../src/runtime/node.js';
import { connectInbox, type Inbox } from '../clients/running-broker.js';
import { clientsOn, settingsFor, TRANSPORTS, withNode } from '../runtime/running-node.js';
import { type Qos, type Stage, VERDICTS, type Verdict, WAYS, type Way } from './acl/ways.js';
import { Operator } from './operator.js';

/*
  Every way that a message can pass, times everything that rules can say about it, times the QoS. A case has a publisher, a receiver and a witness, who
  does as the receiver does and whom no rule is about: what reaches the witness and not the receiver was kept from it by a rule.

    WAYS      how a message gets from one client to another: a new way is one row
    VERDICTS  what is forbidden to whom, and when: before all, or while the clients are there
    QoS       of the publish and of the subscription

  All cases of a way run at once on one node of two shards; rules are written for all of them, and in force on both shards, before they go on.
*/

const NOT_AUTHORIZED = 0x87;
const IN_FORCE_MS_MAX = 5000;
const ARRIVAL_MS_MAX = 30_000;

interface Listener {
  client: mqtt.MqttClient;
  inbox: Inbox;
  /** Of every connection it had. */
  readonly inboxes: Inbox[];
  readonly clientId: string;
}

/** One case: its clients, and what they were told. */
class Act implements Stage {
  readonly verdict: Verdict;
  readonly qos: Qos;
  readonly prefix: string;
  readonly filter: string;
  readonly topic: string;
  /** Reason codes that were heard; 0: none that refuses. */
  publishCode = 0;
  subscribeCode = 0;
  readonly #context: TestContext;
  readonly #url: string;
  #publisher: mqtt.MqttClient | null = null;
  #receiver: Listener | null = null;
  #witness: Listener | null = null;

  constructor(context: TestContext, url: string, verdict: Verdict, qos: Qos, number: number) {
    this.#context = context;
    this.#url = url;
    this.verdict = verdict;
    this.qos = qos;
    this.prefix = `m${number}`;
    this.filter = `${this.prefix}/t/+`;
    this.topic = `${this.prefix}/t/x`;
  }

  async open(): Promise<void> {
    this.#receiver = await this.#listen('receiver');
    this.#witness = await this.#listen('witness');
    this.#publisher = await mqtt.connectAsync(this.#url, this.#options('publisher'));
    this.#context.after(() => this.#publisher?.end(true));
    for (const { client } of this.#listeners()) await client.subscribeAsync(`${this.prefix}/end`, { qos: 1 });
  }

  /** @returns the name and the filter of the rule, and what else it says. */
  ruleOf(): readonly [string, string, Partial<AccessRule>] {
    const { about, part, rule } = this.verdict;
    const client = about === 'nobody' ? 'somebody else' : this.#idOf(about === 'publish' ? 'publisher' : 'receiver');
    const fields = {
      actions: [about === 'publish' ? ('publish' as const) : ('subscribe' as const)],
      principal: { kind: 'client' as const, value: client },
    };
    return [this.prefix, part === 'all' ? `${this.prefix}/t/#` : this.topic, { ...rule(this.qos), ...fields }];
  }

  async subscribe(filter: string, kind: 'shared' | 'plain' = 'plain'): Promise<void> {
    for (const [index, { client }] of this.#listeners().entries()) {
      const full = kind === 'shared' ? `$share/${this.prefix}-${index}/${filter}` : filter;
      const code = await client.subscribeAsync(full, { qos: this.qos }).then(() => 0, codeOf);
      if (index === 0) this.subscribeCode = code;
      else assert.equal(code, 0, 'the witness may subscribe');
    }
  }

  async publish(topic: string, retain: boolean): Promise<void> {
    const publisher = this.#publisher ?? assert.fail('it is open');
    this.publishCode = await publisher.publishAsync(topic, 'message', { qos: this.qos, retain }).then(() => 0, codeOf);
  }

  /** @returns what ends the connection without a word. */
  async connectWithWill(topic: string, retain = false): Promise<() => void> {
    await this.#publisher?.endAsync();
    const will = { topic, payload: Buffer.from('message'), qos: this.qos, retain };
    this.publishCode = await mqtt.connectAsync(this.#url, { ...this.#options('publisher'), will }).then((client) => {
      this.#publisher = client;
      return 0;
    }, codeOf);
    return () => this.#publisher?.stream.destroy();
  }

  async leave(): Promise<void> {
    for (const { client } of this.#listeners()) await client.endAsync();
  }

  async comeBack(): Promise<void> {
    for (const listener of this.#listeners()) {
      const { client, inbox } = await connectInbox(this.#context, this.#url, this.#options(listener.clientId.split(' ')[1]));
      listener.client = client;
      listener.inbox = inbox;
      listener.inboxes.push(inbox);
    }
  }

  /** Checks what was told and what arrived. @param free a client that may publish everything. */
  async judge(way: Way, free: mqtt.MqttClient): Promise<void> {
    const { about, when, part, forbids } = this.verdict;
    const isForbidden = forbids(way);
    const isTooLate = when === 'meanwhile' && about === 'publish' && way.publishesEarly === true;
    const isPublished = !(about === 'publish' && isForbidden) || isTooLate;
    const isTold = about === 'publish' && !isPublished && (way.name.startsWith('will') ? when === 'before' : this.qos > 0);
    const isRefused = about === 'receive' && part === 'all' && (when === 'before' || way.subscribesLate === true);
    const isHeard = isPublished && !(about === 'receive' && isForbidden);
    assert.equal(this.publishCode, isTold ? NOT_AUTHORIZED : 0, 'what the publisher is told');
    assert.equal(this.subscribeCode, isRefused ? NOT_AUTHORIZED : 0, 'what the receiver is told');
    const [receiver, witness] = this.#listeners();
    if (isPublished) await arrival(witness, this.topic);
    if (isHeard) await arrival(receiver, this.topic);
    // What follows has come, so what was before it would have.
    for (let i = 0; i < 2; i += 1) {
      await free.publishAsync(`${this.prefix}/end`, `${i}`, { qos: 1 });
      for (const listener of this.#listeners()) await arrival(listener, `${this.prefix}/end`, i + 1);
    }
    assert.equal(countOf(witness, this.topic), isPublished ? 1 : 0, 'what the witness heard');
    assert.equal(countOf(receiver, this.topic), isHeard ? 1 : 0, 'what the receiver heard');
  }

  #listeners(): readonly [Listener, Listener] {
    return [this.#receiver ?? assert.fail('it is open'), this.#witness ?? assert.fail('it is open')];
  }

  async #listen(role: string): Promise<Listener> {
    const { client, inbox } = await connectInbox(this.#context, this.#url, this.#options(role));
    return { client, inbox, inboxes: [inbox], clientId: this.#idOf(role) };
  }

  #idOf(role: string): string {
    return `${this.prefix} ${role}`;
  }

  #options(role: string): mqtt.IClientOptions {
    return {
      ...{ clientId: this.#idOf(role), protocolVersion: 5, reconnectPeriod: 0, connectTimeout: 20_000 },
      ...(role === 'publisher' ? { clean: true } : { clean: false, properties: { sessionExpiryInterval: 600 } }),
    };
  }
}

/** The reason code of what mqtt.js throws. */
function codeOf(error: unknown): number {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number') return error.code;
  const packet = typeof error === 'object' && error !== null && 'packet' in error ? error.packet : null;
  if (typeof packet === 'object' && packet !== null && 'granted' in packet && Array.isArray(packet.granted))
    return Number(packet.granted[0]);
  throw error;
}

function countOf({ inboxes }: Listener, topic: string): number {
  return inboxes.reduce((sum, { messages }) => sum + messages.filter((message) => message.topic === topic).length, 0);
}

async function arrival(listener: Listener, topic: string, count = 1): Promise<void> {
  const deadlineMs = performance.now() + ARRIVAL_MS_MAX;
  while (countOf(listener, topic) < count) {
    assert.ok(performance.now() < deadlineMs, `${listener.clientId} hears ${topic}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Writes rules and waits until they are in force on both shards: changes of the catalogue come in their order. */
class Lawgiver {
  readonly #operator: Operator;
  readonly #probes: readonly mqtt.MqttClient[];
  #laws = 0;

  private constructor(operator: Operator, probes: readonly mqtt.MqttClient[]) {
    this.#operator = operator;
    this.#probes = probes;
  }

  static async open(context: TestContext, node: RunningNode, url: string): Promise<Lawgiver> {
    const operator = new Operator(node);
    await operator.allow('everything', '#', { order: 1_000_000 });
    const probes = await clientsOn(node, url, [0, 1]);
    context.after(() => Promise.all(probes.map((probe) => probe.endAsync(true))));
    return new Lawgiver(operator, probes);
  }

  async forbid(acts: readonly Act[]): Promise<void> {
    await Promise.all(acts.map((act) => this.#operator.deny(...act.ruleOf())));
    this.#laws += 1;
    const topic = `probe/${this.#laws}`;
    await this.#operator.deny(topic, topic);
    const deadlineMs = performance.now() + IN_FORCE_MS_MAX;
    for (const probe of this.#probes)
      while ((await probe.publishAsync(topic, '', { qos: 1 }).then(() => 0, codeOf)) !== NOT_AUTHORIZED)
        assert.ok(performance.now() < deadlineMs, `rules are in force within ${IN_FORCE_MS_MAX} ms`);
  }
}

for (const way of WAYS)
  test(`acl matrix: ${way.name}: what is allowed arrives, what is forbidden does not, and clients are told`, async (context) => {
    await withNode(settingsFor(TRANSPORTS[0], 2), async (node) => {
      const url = node.listeners[0].url;
      const lawgiver = await Lawgiver.open(context, node, url);
      const free = await mqtt.connectAsync(url, { clientId: 'free', protocolVersion: 5, reconnectPeriod: 0 });
      context.after(() => free.endAsync(true));
      const acts = VERDICTS.flatMap((verdict) => ([0, 1, 2] as const).map((qos) => ({ verdict, qos })))
        .filter(({ qos }) => qos > 0 || way.isDurable === undefined)
        .map(({ verdict, qos }, index) => new Act(context, url, verdict, qos, index));
      for (const act of acts) await act.open();
      await lawgiver.forbid(acts.filter(({ verdict }) => verdict.when === 'before'));

      // All go on together when the rules of the middle are in force.
      const middle = acts.filter(({ verdict }) => verdict.when === 'meanwhile');
      let waiting = 0;
      let inForce = (): void => {};
      const changed = new Promise<void>((resolve) => {
        inForce = resolve;
      });
      const meanwhile = (act: Act) => async (): Promise<void> => {
        if (act.verdict.when === 'before') return;
        waiting += 1;
        if (waiting === middle.length) {
          await lawgiver.forbid(middle);
          inForce();
        }
        await changed;
      };
      const outcomes = await Promise.allSettled(
        acts.map(async (act) => {
          await way.pass(act, meanwhile(act));
          await act.judge(way, free);
        }),
      );
      const failures = outcomes.flatMap((outcome, index) =>
        outcome.status === 'rejected' ? [`${acts[index].verdict.name}, QoS ${acts[index].qos}: ${outcome.reason}`] : [],
      );
      assert.deepEqual(failures, []);
    });
  });
