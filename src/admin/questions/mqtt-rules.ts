import { z } from 'zod';
import { tenantAsk } from './question.js';
import { type ResourceQuestions, resourceQuestions } from './resources.js';

/* Rules that change what clients publish and subscribe to, and tenants, to which everything belongs. */

const name = z.string().min(1).max(255).describe('Name');

export interface NamedKey {
  readonly tenant: string;
  readonly name: string;
}

export interface TopicRewrite extends NamedKey {
  readonly order: number;
  readonly action: 'publish' | 'subscribe' | 'all';
  readonly filter: string;
  readonly pattern: string;
  readonly target: string;
}

export const TOPIC_REWRITES: ResourceQuestions<TopicRewrite, NamedKey> = resourceQuestions<TopicRewrite, NamedKey>({
  ...{ noun: 'topic-rewrite', plural: 'rules of topic rewrite', path: '/mqtt/topic-rewrites', keyPath: '/{name}' },
  value: {
    tenant: tenantAsk,
    name,
    order: z.int().min(0).default(100).describe('Lower ones are looked at first; equal ones by name'),
    action: z.enum(['publish', 'subscribe', 'all']).default('all'),
    filter: z.string().min(1).max(65_535).describe('Topics and filters that it is about'),
    pattern: z.string().max(4096).describe('Regular expression'),
    target: z.string().min(1).max(4096).describe('What the topic becomes; $1 is the first group of the expression'),
  },
  key: { tenant: tenantAsk, name },
});

export interface AutoSubscription extends NamedKey {
  readonly filter: string;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
}

export const AUTO_SUBSCRIPTIONS: ResourceQuestions<AutoSubscription, NamedKey> = resourceQuestions<AutoSubscription, NamedKey>({
  ...{ noun: 'auto-subscription', plural: 'auto-subscriptions', path: '/mqtt/auto-subscriptions', keyPath: '/{name}' },
  value: {
    tenant: tenantAsk,
    name,
    filter: z.string().min(1).max(65_535).describe('Topic filter; ${clientid} and ${username} stand for those of the client'),
    qos: z.int().min(0).max(2).default(1),
    noLocal: z.boolean().default(false),
    retainAsPublished: z.boolean().default(false),
    retainHandling: z.int().min(0).max(2).default(0),
  },
  key: { tenant: tenantAsk, name },
});

export interface Tenant {
  readonly name: string;
  readonly quotas: {
    readonly connections: number;
    readonly messagesPerSecond: number;
    readonly bytesPerSecond: number;
    readonly sessions: number;
    readonly subscriptions: number;
    readonly retained: number;
    readonly storageBytes: number;
    readonly streams: number;
  };
  readonly comment: string;
}

const quota = z.int().min(0).default(0).describe('0: no limit');

export const TENANTS: ResourceQuestions<Tenant, Pick<Tenant, 'name'>> = resourceQuestions<Tenant, Pick<Tenant, 'name'>>({
  ...{ noun: 'tenant', plural: 'tenants', path: '/tenants', keyPath: '/{name}' },
  value: {
    name,
    quotas: z
      .strictObject({
        connections: quota,
        messagesPerSecond: quota,
        bytesPerSecond: quota,
        sessions: quota,
        subscriptions: quota,
        retained: quota,
        storageBytes: quota,
        streams: quota,
      })
      .prefault({}),
    comment: z.string().max(1024).default('').describe('For people'),
  },
  key: { name },
});
