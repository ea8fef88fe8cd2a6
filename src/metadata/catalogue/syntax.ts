import { parseNetwork } from '../../base/ip-network.js';
import type { Refused } from './commands.js';
import { refuse } from './edit.js';
import { FILTER_LENGTH_MAX, JSON_LENGTH_MAX, KEY_TEMPLATE_LENGTH_MAX, NAME_LENGTH_MAX } from './limits.js';

/*
  What texts must look like. This decides outcomes, so it is the state machine's own and does not change when the grammar of a protocol does.
  Each function returns null if there is nothing to object to.
*/

const LEGAL_STREAM_NAME = /^[A-Za-z0-9._-]{1,249}$/;
const TEMPLATE_PART = /\{([^{}]*)\}/g;
const TEMPLATE_NAME = /^(?:topic|level:[1-9]\d{0,4})$/;
const SHARE_PREFIX = '$share/';
const SLASH = 0x2f;
const HASH = 0x23;
const PLUS = 0x2b;

export function faultOfLength(field: string, text: string, max: number): Refused | null {
  return text.length <= max ? null : refuse('limit', `${field} has ${text.length} characters; ${max} are allowed`);
}

/** Not empty, and without control characters: U+0000 separates the parts of keys. */
export function faultOfName(field: string, text: string): Refused | null {
  if (text.length === 0) return refuse('invalid', `${field} is empty`);
  return faultOfLength(field, text, NAME_LENGTH_MAX) ?? faultOfControls(field, text);
}

export function faultOfControls(field: string, text: string): Refused | null {
  for (let at = 0; at < text.length; at += 1)
    if (isControl(text.charCodeAt(at))) return refuse('invalid', `${field} has a control character`);
  return null;
}

export function faultOfRange(field: string, value: number, from: number, to: number): Refused | null {
  return value >= from && value <= to ? null : refuse('invalid', `${field} is ${value}; it is from ${from} to ${to}`);
}

export function faultOfStreamName(text: string): Refused | null {
  if (LEGAL_STREAM_NAME.test(text) && text !== '.' && text !== '..') return null;
  return refuse('invalid', 'name: this is no name for a stream: letters, digits, . _ - (at most 249)');
}

/** An address, or a network as 10.0.0.0/8. */
export function faultOfNetwork(field: string, text: string): Refused | null {
  if (parseNetwork(text) !== null) return null;
  return refuse('invalid', `${field}: ${JSON.stringify(text.slice(0, NAME_LENGTH_MAX))} is no address and no network, such as 10.0.0.0/8`);
}

/** A topic filter, MQTT 5.0 §4.7. */
export function faultOfFilter(field: string, text: string): Refused | null {
  const fault = faultOfLength(field, text, FILTER_LENGTH_MAX);
  if (fault !== null) return fault;
  return isFilter(text) ? null : refuse('invalid', `${field}: ${JSON.stringify(text.slice(0, NAME_LENGTH_MAX))} is no topic filter`);
}

/** A filter that a stream can be bound to: not a shared one. */
export function faultOfBinding(text: string): Refused | null {
  if (text.startsWith(SHARE_PREFIX)) return refuse('invalid', `filters: ${JSON.stringify(text.slice(0, NAME_LENGTH_MAX))} is a shared one`);
  return faultOfFilter('filters', text);
}

/** How a record gets its key: {topic}, {level:N} and text. */
export function faultOfTemplate(text: string): Refused | null {
  const fault = faultOfLength('key', text, KEY_TEMPLATE_LENGTH_MAX);
  if (fault !== null) return fault;
  for (const [whole, name] of text.matchAll(TEMPLATE_PART))
    if (!TEMPLATE_NAME.test(name)) return refuse('invalid', `key: ${whole} is not known: there are {topic} and {level:N}`);
  return /[{}]/.test(text.replace(TEMPLATE_PART, '')) ? refuse('invalid', 'key: a brace has no partner') : null;
}

/** JSON as of RFC 8259, which does not change. */
export function faultOfJson(field: string, text: string, max: number = JSON_LENGTH_MAX): Refused | null {
  const fault = faultOfLength(field, text, max);
  if (fault !== null) return fault;
  try {
    JSON.parse(text);
    return null;
  } catch {
    return refuse('invalid', `${field} is no JSON`); // Where and why is told differently by each engine, and would make states differ.
  }
}

function isFilter(text: string): boolean {
  const end = text.length;
  if (end === 0) return false;
  for (let at = 0; at < end; at += 1) {
    const unit = text.charCodeAt(at);
    if (isControl(unit)) return false;
    if (unit !== PLUS && unit !== HASH) continue;
    const opensLevel = at === 0 || text.charCodeAt(at - 1) === SLASH;
    const closesLevel = at + 1 === end || (unit === PLUS && text.charCodeAt(at + 1) === SLASH);
    if (!opensLevel || !closesLevel) return false;
  }
  return true;
}

function isControl(unit: number): boolean {
  return unit < 0x20 || (unit >= 0x7f && unit < 0xa0);
}
