/*
  What protocols and the runtime see of authentication and authorization. Nothing here names a protocol's packets.

    CONNECT --> facts --> Authenticator (asks the chain of sources, on another thread) --> Verdict: an Identity, or why not
    Identity --> RightsBook (on the shard: rules of the catalogue and those the source gave) --> Rights, asked for each topic once
*/

/** Nobody in particular: a client that gave no name, where such clients are let in. */
export const ANONYMOUS = '';

/** What a verified client certificate says. */
export interface CertificateIdentity {
  /** The name that the listener takes from it (its `identity_from`); empty if there is none. */
  readonly name: string;
  readonly commonName: string;
  /** As in the certificate, with their kinds: `DNS:a.example`, `URI:spiffe://x`. */
  readonly alternativeNames: readonly string[];
  /** SHA-256 of the certificate, upper-case hex without colons. */
  readonly fingerprint: string;
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** What is known of a connection before anybody looked at its CONNECT. */
export interface Origin {
  /** As in the settings: `mqtt.tcp`, `mqtt.tls`, or the name of a further listener. */
  readonly listener: string;
  /** Of the client, also behind a proxy that says so. Empty for a unix socket. */
  readonly address: string;
  readonly port: number;
  readonly isEncrypted: boolean;
  /** Null: none was shown, or none was asked for. */
  readonly certificate: CertificateIdentity | null;
  /** Of TLS with a pre-shared key; empty: none. */
  readonly pskIdentity: string;
  /** Whose clients the listener takes; empty: those of any. */
  readonly tenant: string;
  /** Of a connection of this node to itself, by a bridge: who it is. Nobody is asked. */
  readonly internal?: Identity;
}

/** Who wants in, and what it shows for it. */
export interface ConnectFacts extends Origin {
  readonly protocol: 'mqtt';
  readonly tenant: string;
  /** Empty: none yet. */
  readonly clientId: string;
  /** Null: none was given. The tenant's name is taken out already. */
  readonly userName: string | null;
  /** Null: none was given. */
  readonly password: Uint8Array | null;
}

/** A rule as a source or the catalogue has it. The fields are those of AclRuleValue in metadata/catalogue/resources.ts, without the name. */
export interface AccessRule {
  /** Lower ones are looked at first; of equal ones the first in the list. */
  readonly order: number;
  readonly permission: 'allow' | 'deny';
  readonly principal: { readonly kind: 'user' | 'client' | 'address' | 'any'; readonly value: string };
  readonly actions: readonly ('publish' | 'subscribe')[];
  /** Of topics, with ${clientid} and ${username} as whole levels or parts of them. */
  readonly filter: string;
  /** 0, 1, 2. Empty: all of them. */
  readonly qos: readonly number[];
  readonly retain: 'any' | 'retained' | 'plain';
}

/** Who a connection is, for as long as it lasts. */
export interface Identity {
  readonly tenant: string;
  /** ANONYMOUS for nobody. With the tenant it is the principal: a session belongs to the one that opened it. */
  readonly user: string;
  readonly clientId: string;
  readonly address: string;
  /** May everything that clients may. */
  readonly isSuperuser: boolean;
  /** Which source let it in: its name in the settings; empty for nobody. */
  readonly source: string;
  /** Milliseconds since the epoch when it must be let go; 0: never. */
  readonly expiresAtMs: number;
  /** What the source itself allows and forbids, looked at before the rules of the catalogue; null: it says nothing. */
  readonly rules: readonly AccessRule[] | null;
}

export type RefusalKind =
  /** Wrong name or password, or none where one is needed. */
  | 'bad-credentials'
  /** Known, but not let in here. */
  | 'not-authorized'
  | 'banned'
  /** Too many wait for an answer, or this one failed too often. */
  | 'busy'
  /** A source did not answer, and its policy is to refuse then. */
  | 'unavailable'
  /** No such method of enhanced authentication. */
  | 'bad-method';

export type Verdict =
  | { readonly kind: 'admitted'; readonly identity: Identity }
  /** The sentence is for the log and, of those that say nothing about accounts, for the client. */
  | { readonly kind: 'refused'; readonly why: RefusalKind; readonly sentence: string };

/** One step of an enhanced authentication (MQTT 5.0 §4.12, SASL). */
export type ExchangeStep =
  | { readonly kind: 'continue'; readonly data: Uint8Array }
  /** `data` is the mechanism's last word to the client: SCRAM's server signature. */
  | { readonly kind: 'admitted'; readonly identity: Identity; readonly data: Uint8Array }
  | { readonly kind: 'refused'; readonly why: RefusalKind; readonly sentence: string };

/** An exchange that was begun. Every step is answered once; `abandon` when the connection goes before that. */
export interface AuthExchange {
  step(data: Uint8Array, done: (step: ExchangeStep) => void): void;
  abandon(): void;
}

/** Lets clients in. On the shard's thread; answers may come in a later turn, and also within the call. */
export interface Authenticator {
  /** @returns a ticket for `abandon`. */
  authenticate(facts: ConnectFacts, done: (verdict: Verdict) => void): number;
  /** The connection is gone: `done` is not called. */
  abandon(ticket: number): void;
  /** Methods of enhanced authentication that the listener offers. */
  methodsOf(listener: string): readonly string[];
  beginExchange(method: string, facts: ConnectFacts): AuthExchange;
  /**
   * Who was let in stays: from now on `onIdentityChanged` tells when its source says otherwise. Said again, the later identity counts.
   * @param owner of the caller's choice: the number of its connection.
   */
  keep(owner: number, identity: Identity): void;
  /** The connection of `keep` is gone. */
  letGo(owner: number): void;
  /** Set once by the protocol. null: the account is gone, or its password is another one now, and the client has to go. */
  onIdentityChanged: (owner: number, now: Identity | null) => void;
}

/** `guarded`: granted, but each topic has to be asked for with `mayReceive`, because a rule forbids part of what the filter matches. */
export type SubscribeAnswer = 'yes' | 'no' | 'guarded';

/** What rules come to, for people. */
export interface Decision {
  /** `guarded` is `partly`. */
  readonly verdict: 'allow' | 'deny' | 'partly';
  /** Names of those that decide, in their order. Empty: no rule is about it. */
  readonly rules: readonly string[];
}

/** What one client may do, compiled. Cheap to ask; whoever asks often remembers the answer while `version` of the book is the same. */
export interface Rights {
  /** Nothing is forbidden, whatever is asked. */
  readonly isUnlimited: boolean;
  mayPublish(topic: string, qos: 0 | 1 | 2, isRetained: boolean): boolean;
  /** The filter without `$share/group/`. */
  maySubscribe(filter: string, qos: 0 | 1 | 2): SubscribeAnswer;
  /** Whether a message of this topic may be delivered: asked for guarded subscriptions. */
  mayReceive(topic: string): boolean;
  /** As `mayPublish` and `maySubscribe` answer, and which rules decide. */
  decide(action: 'publish' | 'subscribe', topic: string, qos: 0 | 1 | 2, isRetained: boolean): Decision;
  /** In words: which rule decides, for `robust-ctl mqtt explain`. */
  explain(action: 'publish' | 'subscribe' | 'receive', topic: string, qos: 0 | 1 | 2, isRetained: boolean): string;
}

/** Where there are no rules. */
export const UNLIMITED: Rights = {
  isUnlimited: true,
  mayPublish: () => true,
  maySubscribe: () => 'yes',
  mayReceive: () => true,
  decide: () => ({ verdict: 'allow', rules: [] }),
  explain: () => 'there are no rules',
};

/** The rules of all tenants on one shard. */
export interface RightsBook {
  /** Raised by every change of a rule: compiled rights are made anew then. */
  readonly version: number;
  compile(identity: Identity): Rights;
  /** Called after `version` was raised. Set once by the protocol. */
  onChanged: () => void;
}

export interface BanVerdict {
  readonly reason: string;
  /** Milliseconds since the epoch; 0: for ever. */
  readonly untilMs: number;
}

/** Who is kept out. */
export interface BanBook {
  /** Null: nobody keeps it out. Empty fields are not looked at. */
  banOf(tenant: string, clientId: string, user: string, address: string, nowMs: number): BanVerdict | null;
  /** A ban was added: connections that it hits are to be ended. Set once by the protocol. */
  onAdded: () => void;
}

/** Somebody who was not let in, or may not what it wanted. */
export interface Refused {
  readonly what: 'authentication' | 'ban' | 'session' | 'publish' | 'subscribe' | 'will';
  /** A word or a sentence; of publishes and subscriptions the topic. */
  readonly why: string;
  readonly tenant: string;
  readonly clientId: string;
  /** As it called itself. */
  readonly user: string;
  readonly address: string;
}

/** Hears who comes in and who is refused. It costs little, and is never in the way. */
export interface DoorWatch {
  entered(tenant: string, clientId: string): void;
  refused(refused: Refused): void;
}

export const NOBODY_WATCHES: DoorWatch = { entered() {}, refused() {} };
