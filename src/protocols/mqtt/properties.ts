import type { WireReader } from '../../wire/reader.js';
import { scanUtf8, TEXT_HAS_NUL, TEXT_MALFORMED } from '../../wire/utf8.js';
import { varintLength } from '../../wire/varint.js';
import { WireWriter } from '../../wire/writer.js';
import { PACKET, PROPERTY, REASON } from './constants.js';
import { malformed, ProtocolViolation, protocolError } from './errors.js';

/*
  Properties => length:varint property{...}
  property   => identifier:varint value                                MQTT 5.0 §2.2.2

  One pass checks them all: known, allowed in this packet, well-formed, in range, not twice. It keeps where each value is, so that
  others can read, patch or pass on the bytes. It allocates nothing.
*/

/** Forms of a value (§1.5). */
const FORM = { byte: 1, u16: 2, u32: 3, varint: 4, text: 5, binary: 6, pair: 7 } as const;

/** Where properties stand: a packet type of PACKET, or the will of a CONNECT (type 0 is nobody's). */
export const PROPERTIES_OF_WILL = 0;

const RULE = { any: 0, boolean: 1, notZero: 2, topicName: 3 } as const;

const IDENTIFIER_MAX = 0x2a;
const COUNT = IDENTIFIER_MAX + 1;
const FORMS: Uint8Array = new Uint8Array(COUNT); // 0: no such property.
const RULES: Uint8Array = new Uint8Array(COUNT);
const PLACES: Uint16Array = new Uint16Array(COUNT); // One bit for each packet type.

// Table 2-4 of §2.2.2.2. A response topic must be a topic name (§3.3.2.3.5), an alias not 0 (§3.3.2.3.4).
{
  const { connect, connack, publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback, disconnect, auth } = PACKET;
  const will = PROPERTIES_OF_WILL;
  const answers = [connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth];
  define(PROPERTY.payloadFormatIndicator, FORM.byte, RULE.boolean, [publish, will]);
  define(PROPERTY.messageExpiryInterval, FORM.u32, RULE.any, [publish, will]);
  define(PROPERTY.contentType, FORM.text, RULE.any, [publish, will]);
  define(PROPERTY.responseTopic, FORM.text, RULE.topicName, [publish, will]);
  define(PROPERTY.correlationData, FORM.binary, RULE.any, [publish, will]);
  define(PROPERTY.subscriptionIdentifier, FORM.varint, RULE.notZero, [publish, subscribe]);
  define(PROPERTY.sessionExpiryInterval, FORM.u32, RULE.any, [connect, connack, disconnect]);
  define(PROPERTY.assignedClientIdentifier, FORM.text, RULE.any, [connack]);
  define(PROPERTY.serverKeepAlive, FORM.u16, RULE.any, [connack]);
  define(PROPERTY.authenticationMethod, FORM.text, RULE.any, [connect, connack, auth]);
  define(PROPERTY.authenticationData, FORM.binary, RULE.any, [connect, connack, auth]);
  define(PROPERTY.requestProblemInformation, FORM.byte, RULE.boolean, [connect]);
  define(PROPERTY.willDelayInterval, FORM.u32, RULE.any, [will]);
  define(PROPERTY.requestResponseInformation, FORM.byte, RULE.boolean, [connect]);
  define(PROPERTY.responseInformation, FORM.text, RULE.any, [connack]);
  define(PROPERTY.serverReference, FORM.text, RULE.any, [connack, disconnect]);
  define(PROPERTY.reasonString, FORM.text, RULE.any, answers);
  define(PROPERTY.receiveMaximum, FORM.u16, RULE.notZero, [connect, connack]);
  define(PROPERTY.topicAliasMaximum, FORM.u16, RULE.any, [connect, connack]);
  define(PROPERTY.topicAlias, FORM.u16, RULE.notZero, [publish]);
  define(PROPERTY.maximumQos, FORM.byte, RULE.boolean, [connack]);
  define(PROPERTY.retainAvailable, FORM.byte, RULE.boolean, [connack]);
  define(PROPERTY.userProperty, FORM.pair, RULE.any, [...answers, connect, publish, will, subscribe, unsubscribe]);
  define(PROPERTY.maximumPacketSize, FORM.u32, RULE.notZero, [connect, connack]);
  define(PROPERTY.wildcardSubscriptionAvailable, FORM.byte, RULE.boolean, [connack]);
  define(PROPERTY.subscriptionIdentifierAvailable, FORM.byte, RULE.boolean, [connack]);
  define(PROPERTY.sharedSubscriptionAvailable, FORM.byte, RULE.boolean, [connack]);
}

function define(identifier: number, form: number, rule: number, places: readonly number[]): void {
  FORMS[identifier] = form;
  RULES[identifier] = rule;
  for (const place of places) PLACES[identifier] |= 1 << place;
}

/** The properties of one packet, checked. Reuse it: `read` forgets what was before. */
export class PropertyScan {
  /** First byte after the length, and bytes from there. */
  offset = 0;
  length = 0;
  readonly #numbers = new Float64Array(COUNT);
  readonly #offsets = new Int32Array(COUNT);
  readonly #lengths = new Int32Array(COUNT);
  #seenLow = 0; // Bit i: property i was seen.
  #seenHigh = 0; // Bit i: property 32 + i.

  constructor() {
    this.clear();
  }

  /** As after reading properties of length 0. */
  clear(): void {
    this.offset = 0;
    this.length = 0;
    this.#seenLow = 0;
    this.#seenHigh = 0;
  }

  has(identifier: number): boolean {
    const seen = identifier < 32 ? this.#seenLow : this.#seenHigh;
    return ((seen >>> (identifier & 31)) & 1) === 1;
  }

  /** Value of a byte, u16, u32 or varint property. */
  numberOf(identifier: number, absent: number): number {
    return this.has(identifier) ? this.#numbers[identifier] : absent;
  }

  /** Where the value is: of text and binary data the bytes after their length. -1 if absent. The identifier of all but those is the byte before. */
  offsetOf(identifier: number): number {
    return this.has(identifier) ? this.#offsets[identifier] : -1;
  }

  lengthOf(identifier: number): number {
    return this.has(identifier) ? this.#lengths[identifier] : 0;
  }

  /**
   * Reads properties with their length in front; the reader is behind them afterwards.
   * @param place a packet type, or PROPERTIES_OF_WILL.
   * @throws ProtocolViolation, and WireViolation where the data ends too early.
   */
  read(reader: WireReader, place: number): void {
    this.#seenLow = 0;
    this.#seenHigh = 0;
    const length = reader.readVarint();
    const outerEnd = reader.end;
    const start = reader.position;
    if (length > outerEnd - start) throw malformed('the properties are longer than their packet');
    this.offset = start;
    this.length = length;
    // No value may reach past the properties into the payload, so the reader ends with them for a while.
    reader.end = start + length;
    while (reader.position < reader.end) this.#readOne(reader, place);
    reader.end = outerEnd;
  }

  #readOne(reader: WireReader, place: number): void {
    const identifier = reader.readVarint();
    if (identifier > IDENTIFIER_MAX || FORMS[identifier] === 0) throw malformed('no such property exists');
    // §2.2.2.2: a property of another packet type makes the packet malformed.
    if (((PLACES[identifier] >>> place) & 1) === 0) throw malformed('a property does not belong in this packet');
    const isRepeated = this.has(identifier);
    this.#readValue(reader, identifier);
    if (identifier === PROPERTY.userProperty) return;
    // A client's subscription identifier is refused in PUBLISH (§3.3.4-6), so no packet that we read may repeat it.
    if (isRepeated) throw protocolError('a property is there twice');
    if (identifier < 32) this.#seenLow |= 1 << identifier;
    else this.#seenHigh |= 1 << (identifier & 31);
    const rule = RULES[identifier];
    if (rule !== RULE.any) this.#checkRule(reader, identifier, rule);
  }

  #readValue(reader: WireReader, identifier: number): void {
    this.#offsets[identifier] = reader.position;
    switch (FORMS[identifier]) {
      case FORM.byte:
        this.#numbers[identifier] = reader.readU8();
        return;
      case FORM.u16:
        this.#numbers[identifier] = reader.readU16();
        return;
      case FORM.u32:
        this.#numbers[identifier] = reader.readU32();
        return;
      case FORM.varint:
        this.#numbers[identifier] = reader.readVarint();
        return;
      case FORM.binary:
        this.#lengths[identifier] = reader.readU16();
        this.#offsets[identifier] = reader.skip(this.#lengths[identifier]);
        return;
      case FORM.text:
        this.#readText(reader, identifier);
        return;
      default:
        this.#readText(reader, identifier);
        this.#readText(reader, identifier);
    }
  }

  #readText(reader: WireReader, identifier: number): void {
    const length = reader.readU16();
    const offset = reader.skip(length);
    const found = scanUtf8(reader.bytes, offset, offset + length);
    // Control characters are text here, such as a line break in a user property; only names refuse them.
    if (found === TEXT_MALFORMED || (found & TEXT_HAS_NUL) !== 0) throw malformed('a property is not UTF-8 text');
    this.#offsets[identifier] = offset;
    this.#lengths[identifier] = length;
  }

  #checkRule(reader: WireReader, identifier: number, rule: number): void {
    if (rule === RULE.topicName) {
      if (!isTopicNameBytes(reader.bytes, this.#offsets[identifier], this.#lengths[identifier])) {
        throw protocolError('the response topic is not a topic name');
      }
      return;
    }
    const value = this.#numbers[identifier];
    if (rule === RULE.boolean && value > 1) throw protocolError('a property that is 0 or 1 has another value');
    if (rule === RULE.notZero && value === 0) {
      if (identifier === PROPERTY.topicAlias) throw new ProtocolViolation(REASON.topicAliasInvalid, 'the topic alias is 0');
      throw protocolError('a property that must not be 0 is 0');
    }
  }
}

/** Of text whose UTF-8 was checked: not empty, no wildcard, no control character. */
function isTopicNameBytes(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length === 0) return false;
  for (let at = offset; at < offset + length; at += 1) {
    const byte = bytes[at];
    if (byte === 0x23 || byte === 0x2b) return false; // '#', '+'
  }
  return scanUtf8(bytes, offset, offset + length) === 0;
}

/** Subscription identifiers as the properties that stand in a PUBLISH to their subscriber (§3.3.2.3.8), in the order given. */
export function encodeSubscriptionIdentifiers(identifiers: readonly number[]): Uint8Array {
  let length = 0;
  for (const identifier of identifiers) length += 1 + varintLength(identifier);
  const writer = new WireWriter(new Uint8Array(length));
  for (const identifier of identifiers) {
    writer.writeU8(PROPERTY.subscriptionIdentifier);
    writer.writeVarint(identifier);
  }
  return writer.bytes;
}
