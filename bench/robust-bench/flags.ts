import { existsSync, readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { CarrierChoice, Endpoint } from './load-plan.js';

/* Values of the command line, from text to what a plan holds. Each throws what commander prints with the option's name. */

export function countOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

const MS_BY_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['', 1_000], // As other load generators have it.
  ['s', 1_000],
  ['m', 60_000],
]);

const BYTES_BY_UNIT: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1_000],
  ['kib', 1_024],
  ['mb', 1_000_000],
  ['mib', 1_048_576],
]);

/** "10s", "2m", "500ms", "0.5"; a bare number is seconds. @returns milliseconds */
export function durationOf(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const ms = amountOf(text, MS_BY_UNIT);
    if (!(ms >= minMs && ms <= maxMs)) throw new InvalidArgumentError('Give a length of time such as 10s, 500ms or 2m, at most 30m.');
    return ms;
  };
}

/** "128", "4KiB". @returns bytes */
export function sizeOf(text: string): number {
  const bytes = amountOf(text, BYTES_BY_UNIT);
  if (!(bytes <= 16 * 2 ** 20)) throw new InvalidArgumentError('Give a size such as 128 or 4KiB, at most 16MiB.');
  return bytes;
}

/** @returns NaN if the text is no number with one of the units. */
function amountOf(text: string, factorByUnit: ReadonlyMap<string, number>): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const factor = match === null ? undefined : factorByUnit.get(match[2].toLowerCase());
  return match === null || factor === undefined ? Number.NaN : Math.round(Number(match[1]) * factor);
}

/** MQTT versions as people say them. @returns the protocol level */
export function versionOf(text: string): 4 | 5 {
  if (text === '5' || text === '5.0') return 5;
  if (text === '3' || text === '4' || text === '3.1.1') return 4;
  throw new InvalidArgumentError('Give 3 (MQTT 3.1.1) or 5.');
}

export function qosOf(text: string): 0 | 1 | 2 {
  if (text === '0') return 0;
  if (text === '1') return 1;
  if (text === '2') return 2;
  throw new InvalidArgumentError('Give 0, 1 or 2.');
}

export function processOf(text: string): number {
  const pid = countOf(1, 2 ** 22)(text);
  if (!existsSync(`/proc/${pid}/stat`)) throw new InvalidArgumentError('There is no such process on this machine.');
  return pid;
}

/** Ports that clients take where a URL names none. */
const PORT_BY_SCHEME = { mqtt: 1883, mqtts: 8883, ws: 8083, wss: 8084 } as const;
const PATH_DEFAULT = '/mqtt';

/** "mqtt://host:port", "mqtts://...", "ws://host:port/path", "wss://...". What it believes of certificates is told by `trusting`. */
export function urlOf(text: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : null;
  const scheme = url?.protocol.slice(0, -1);
  if (url === null || url.hostname === '' || (scheme !== 'mqtt' && scheme !== 'mqtts' && scheme !== 'ws' && scheme !== 'wss'))
    throw new InvalidArgumentError('Give mqtt://host:port, mqtts://host:port, ws://host:port/path or wss://host:port/path.');
  // URL leaves out what is the usual port of a scheme it knows.
  const port =
    url.port !== ''
      ? Number(url.port)
      : /:(80|443)(\/|$)/.test(text)
        ? Number(/:(80|443)(?:\/|$)/.exec(text)?.[1])
        : PORT_BY_SCHEME[scheme];
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (scheme === 'mqtt') return { host, port };
  const path = url.pathname === '' || url.pathname === '/' ? PATH_DEFAULT : url.pathname;
  return { host, port, carrier: { scheme, hostName: host, path, ca: null, isInsecure: false } };
}

/** The endpoint, with what `--ca` and `--insecure` say of its certificate. */
export function trusting<E extends Endpoint>(endpoint: E, ca: string | undefined, isInsecure: boolean): E {
  const carrier: CarrierChoice | null | undefined = endpoint.carrier;
  return carrier === null || carrier === undefined ? endpoint : { ...endpoint, carrier: { ...carrier, ca: ca ?? null, isInsecure } };
}

/** A PEM file. @returns its text */
export function certificatesOf(path: string): string {
  if (!existsSync(path)) throw new InvalidArgumentError('There is no such file.');
  const text = readFileSync(path, 'utf8');
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new InvalidArgumentError('Give a PEM file with certificates.');
  return text;
}

/** "host:port", "[::1]:port", or a URL. */
export function endpointOf(text: string): Endpoint {
  if (text.includes('://')) return urlOf(text);
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Give host:port.');
  return { host: match[1] ?? match[2], port: countOf(1, 65_535)(match[3]) };
}

/** "127.0.0.2-9,127.0.1.1": addresses, and ranges of the last number. */
export function addressesOf(text: string): string[] {
  return text.split(',').flatMap((part) => {
    const [first, last] = part.trim().split('-');
    const at = first.lastIndexOf('.') + 1;
    const from = Number(first.slice(at));
    const to = last === undefined ? from : Number(last);
    if (!isIPv4(first) || !(to >= from && to <= 254)) throw new InvalidArgumentError('Give addresses such as 127.0.0.2-9,127.0.1.1.');
    return Array.from({ length: to - from + 1 }, (_, i) => `${first.slice(0, at)}${from + i}`);
  });
}
