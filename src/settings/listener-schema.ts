import { isIP } from 'node:net';
import { z } from 'zod';
import { count, DAY, duration, SECOND } from './forms.js';

/*
  Settings of the ports where MQTT clients come in. Four are there by default, each in a table of its own, and [[mqtt.listeners]] adds
  more. Each kind has the parts that it needs:

    tcp   base                       ws    base, web
    tls   base, tls                  wss   base, web, tls
    unix  base with a path for host and port
*/

export type ListenerKind = 'tcp' | 'tls' | 'ws' | 'wss' | 'unix';

export interface BaseListenerSettings {
  readonly enabled: boolean;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** 0: no limit of its own. */
  readonly connections_max: number;
  /** 0: no limit. */
  readonly connections_per_second_max: number;
  readonly proxy_protocol: 'off' | 'v1' | 'v2' | 'any';
  /** Addresses and networks. */
  readonly proxy_trusted: readonly string[];
  /** Of clients that name none; empty: the default. */
  readonly tenant: string;
}

export interface WebListenerSettings {
  /** Of the upgrade request. */
  readonly path: string;
  readonly engine: 'auto' | 'uws' | 'ws';
}

export interface ServerNameSettings {
  /** `mqtt.example`, or `*.example` for one label. */
  readonly host: string;
  readonly cert: string;
  readonly key: string;
}

/** Files are PEM. */
export interface TlsListenerSettings {
  /** Empty: one of the development authority. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly crl: string;
  readonly verify: 'none' | 'optional' | 'required';
  readonly identity_from: 'cn' | 'san-dns' | 'san-uri' | 'san-email' | 'subject' | 'fingerprint';
  readonly tenant_from: 'none' | 'o' | 'ou';
  readonly version_min: '1.2' | '1.3';
  readonly version_max: '1.2' | '1.3';
  readonly ciphers: string;
  readonly sni: readonly ServerNameSettings[];
  readonly psk_file: string;
  readonly handshakes_max: number;
  /** Milliseconds. */
  readonly handshake_timeout: number;
}

export type TcpListenerSettings = BaseListenerSettings;
export type WebSocketListenerSettings = BaseListenerSettings & WebListenerSettings;

/** An element of [[mqtt.listeners]]. What its kind does not need has its default. */
export interface FurtherListenerSettings extends BaseListenerSettings, WebListenerSettings, TlsListenerSettings {
  readonly name: string;
  readonly kind: ListenerKind;
  /** Path of a unix socket. */
  readonly socket: string;
  /** Its mode, in octal. */
  readonly socket_mode: string;
}

export interface ListenersSettings {
  readonly tcp: TcpListenerSettings;
  readonly tls: BaseListenerSettings & TlsListenerSettings;
  readonly ws: WebSocketListenerSettings;
  readonly wss: WebSocketListenerSettings & TlsListenerSettings;
  readonly listeners: readonly FurtherListenerSettings[];
}

const U16_MAX = 65_535;
/** With the four that are there by default, as many as counters tell apart: telemetry/metrics/slots.ts. */
const LISTENERS_MAX = 59;
const SERVER_NAMES_MAX = 1000;
const HOST_NAME = /^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

/** `10.0.0.0/8`, `::1`. */
function isNetwork(text: string): boolean {
  const [address, bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function baseFields(what: string, port: number) {
  return {
    enabled: z.boolean().default(true).describe(what),
    host: z.string().min(1).max(255).default('127.0.0.1').describe('Address to listen on'),
    port: count(port, 0, U16_MAX, 'Port; 0 picks a free one'),
    connections_max: count(0, 0, 10_000_000, 'Connections by this listener; 0: only mqtt.connections_max counts'),
    connections_per_second_max: count(0, 0, 1_000_000, 'New connections per second by this listener; 0: no limit'),
    proxy_protocol: z
      .enum(['off', 'v1', 'v2', 'any'])
      .default('off')
      .describe("Each connection begins with a proxy's header (HAProxy's PROXY protocol) that says who the client is"),
    proxy_trusted: z
      .array(z.string().refine(isNetwork, 'must be an address, or a network as 10.0.0.0/8'))
      .max(256)
      .default(['127.0.0.0/8', '::1'])
      .describe('Proxies: addresses and networks; others are turned away where there is a proxy_protocol'),
    tenant: z
      .string()
      .regex(/^$|^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be the name of a tenant')
      .default('')
      .describe('Tenant of clients that name none'),
  };
}

const WEB_FIELDS = {
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and have no blanks')
    .default('/mqtt')
    .describe('Path of the upgrade request'),
  engine: z.enum(['auto', 'uws', 'ws']).default('auto').describe('auto takes uWebSockets.js where it runs, else ws'),
};

const TLS_FIELDS = {
  cert: z.string().default('').describe('Certificate and its chain (PEM file); none: one of the development authority'),
  key: z.string().default('').describe('Its private key (PEM file)'),
  ca: z.string().default('').describe("Authorities of clients' certificates (PEM file)"),
  crl: z.string().default('').describe('Revoked certificates (PEM file), a list of each authority'),
  verify: z.enum(['none', 'optional', 'required']).default('none').describe('Whether clients show a certificate'),
  identity_from: z
    .enum(['cn', 'san-dns', 'san-uri', 'san-email', 'subject', 'fingerprint'])
    .default('cn')
    .describe("What of a client's certificate is its name"),
  tenant_from: z.enum(['none', 'o', 'ou']).default('none').describe("What of a client's certificate is its tenant"),
  version_min: z.enum(['1.2', '1.3']).default('1.2').describe('Lowest version of TLS'),
  version_max: z.enum(['1.2', '1.3']).default('1.3').describe('Highest version of TLS'),
  ciphers: z.string().max(4096).default('').describe("Ciphers in OpenSSL's notation; none: Node's"),
  sni: z
    .array(
      z.strictObject({
        host: z.string().regex(HOST_NAME, 'must be a host name, or *. and one'),
        cert: z.string().min(1),
        key: z.string().min(1),
      }),
    )
    .max(SERVER_NAMES_MAX)
    .default([])
    .describe('Certificates by the host name that clients ask for (SNI)'),
  psk_file: z.string().default('').describe('Pre-shared keys, a line identity:key in hexadecimal digits for each client'),
  handshakes_max: count(128, 1, 65_536, 'Handshakes at once, per shard; others wait'),
  handshake_timeout: duration(10 * SECOND, 100, DAY, 'A handshake is over within'),
};

const NO_WEB: WebListenerSettings = { path: '/mqtt', engine: 'auto' };
const NO_TLS: TlsListenerSettings = {
  ...{
    cert: '',
    key: '',
    ca: '',
    crl: '',
    verify: 'none',
    identity_from: 'cn',
    tenant_from: 'none',
    version_min: '1.2',
    version_max: '1.3',
  },
  ...{ ciphers: '', sni: [], psk_file: '', handshakes_max: 1, handshake_timeout: 0 },
};

type TableSchema<T> = z.ZodType<T, Partial<Record<keyof T, unknown>>>;

/** Each key of [mqtt] that says something of listeners. */
export const LISTENER_SCHEMAS: {
  readonly tcp: TableSchema<ListenersSettings['tcp']>;
  readonly tls: TableSchema<ListenersSettings['tls']>;
  readonly ws: TableSchema<ListenersSettings['ws']>;
  readonly wss: TableSchema<ListenersSettings['wss']>;
  readonly listeners: z.ZodDefault<z.ZodType<ListenersSettings['listeners']>>;
} = {
  tcp: z.strictObject(baseFields('MQTT over TCP', 1883)),
  tls: z.strictObject({ ...baseFields('MQTT over TLS', 1884), ...TLS_FIELDS }),
  ws: z.strictObject({ ...baseFields('MQTT over WebSocket', 8083), ...WEB_FIELDS }),
  wss: z.strictObject({ ...baseFields('MQTT over WebSocket and TLS', 8084), ...WEB_FIELDS, ...TLS_FIELDS }),
  listeners: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, . _ - (at most 63)'),
        kind: z.enum(['tcp', 'tls', 'ws', 'wss', 'unix']),
        ...baseFields('Whether it is there', 0),
        socket: z.string().max(100).default('').describe('Path of a unix socket'),
        socket_mode: z
          .string()
          .regex(/^0?[0-7]{3}$/, 'must be three octal digits')
          .default('660')
          .describe('Who may connect to it, as chmod says it'),
        ...WEB_FIELDS,
        ...TLS_FIELDS,
      }),
    )
    .max(LISTENERS_MAX)
    .default([])
    .describe('More listeners, of any kind'),
};

/** A listener that is there. */
export interface ListenerDefinition extends FurtherListenerSettings {
  /** Small number, the same on every thread; from 1. */
  readonly tag: number;
}

/** In the order of their tags. */
export function listenersOf({ tcp, tls, ws, wss, listeners }: ListenersSettings): ListenerDefinition[] {
  const no = { ...NO_WEB, ...NO_TLS, socket: '', socket_mode: '660' };
  const all: readonly FurtherListenerSettings[] = [
    { ...no, ...tcp, name: 'mqtt.tcp', kind: 'tcp' },
    { ...no, ...ws, name: 'mqtt.ws', kind: 'ws' },
    { ...no, ...tls, name: 'mqtt.tls', kind: 'tls' },
    { ...no, ...wss, name: 'mqtt.wss', kind: 'wss' },
    ...listeners,
  ];
  return all.map((listener, index) => ({ ...listener, tag: index + 1 })).filter(({ enabled }) => enabled);
}

/** Of all, also of those that are disabled. */
export function listenerNamesOf({ listeners }: ListenersSettings): string[] {
  return [...DEFAULT_NAMES, ...listeners.map(({ name }) => name)];
}

export function isTlsKind(kind: ListenerKind): boolean {
  return kind === 'tls' || kind === 'wss';
}

/** `mqtt.tls.port` for a default listener, `mqtt.listeners` for another: where its settings are. */
export function pathOfListener({ name }: FurtherListenerSettings, key: string): string {
  return DEFAULT_NAMES.includes(name) ? `${name}.${key}` : 'mqtt.listeners';
}

const DEFAULT_NAMES: readonly string[] = ['mqtt.tcp', 'mqtt.tls', 'mqtt.ws', 'mqtt.wss'];

/** What is wrong with a listener's settings together, and with listeners beside each other. */
export function faultsOfListeners(settings: ListenersSettings): readonly (readonly [path: string, what: string])[] {
  const faults: (readonly [string, string])[] = [];
  const listeners = listenersOf(settings);
  if (listeners.length === 0) faults.push(['mqtt.tcp.enabled', 'no listener is enabled']);
  const places = new Map<string, string>();
  const names = new Set<string>(DEFAULT_NAMES);
  for (const { name } of settings.listeners) {
    if (names.has(name)) faults.push(['mqtt.listeners', `"${name}" is there twice`]);
    names.add(name);
  }
  for (const listener of listeners) {
    for (const [key, what] of faultsOf(listener)) {
      const path = pathOfListener(listener, key);
      faults.push([path, path === 'mqtt.listeners' ? `"${listener.name}": ${key} ${what}` : what]);
    }
    const place = listener.kind === 'unix' ? listener.socket : listener.port === 0 ? '' : `${listener.host}:${listener.port}`;
    const other = places.get(place);
    if (place !== '' && other !== undefined) {
      faults.push([pathOfListener(listener, 'port'), `is that of ${other}.port; give each listener its own`]);
    }
    if (place !== '') places.set(place, listener.name);
  }
  return faults;
}

function faultsOf(listener: ListenerDefinition): readonly (readonly [key: string, what: string])[] {
  const faults: (readonly [string, string])[] = [];
  const { kind } = listener;
  if (kind === 'unix' && listener.socket === '') faults.push(['socket', 'is the path of the unix socket, and is needed']);
  if (kind !== 'unix' && listener.socket !== '') faults.push(['socket', 'is for the kind unix']);
  if (!isTlsKind(kind)) {
    const given = (['cert', 'key', 'ca', 'crl', 'psk_file'] as const).filter((key) => listener[key] !== '');
    for (const key of given) faults.push([key, 'is for the kinds tls and wss']);
    if (listener.sni.length > 0) faults.push(['sni', 'is for the kinds tls and wss']);
    if (listener.verify !== 'none') faults.push(['verify', 'is for the kinds tls and wss']);
  }
  if ((listener.cert === '') !== (listener.key === '')) faults.push(['cert', 'and key are given together or not at all']);
  if (listener.verify !== 'none' && listener.ca === '') faults.push(['ca', 'is needed to verify certificates of clients']);
  if (listener.crl !== '' && listener.verify === 'none') faults.push(['crl', 'needs verify']);
  if (listener.tenant_from !== 'none' && listener.verify === 'none') faults.push(['tenant_from', 'needs verify']);
  if (listener.version_min > listener.version_max) faults.push(['version_min', 'is higher than version_max']);
  if (kind === 'ws' && listener.engine === 'uws' && listener.proxy_protocol !== 'off')
    faults.push(['engine', 'ws is needed for proxy_protocol']);
  if (kind === 'wss' && listener.engine === 'uws') faults.push(['engine', 'ws is needed for TLS']);
  return faults;
}
