import { COUNTER, EVENT, FAULT, FRAMING, ROW_EXTRA } from '../ports.js';
import type { Connection } from './connection.js';
import {
  LENGTH_BAD,
  LENGTH_INCOMPLETE,
  nextPacketId,
  PublishFields,
  parsePublish,
  readU16,
  readVarint,
  varintBytes,
  varintValue,
} from './publish-frame.js';
import type { RowBatch } from './row-batch.js';
import { TOPIC_NOT_A_NAME, TOPIC_TABLE_FULL, type TopicTable } from './topic-table.js';

const NO_ROW = -1;
const PINGREQ = 0xc0;

/**
 * Cuts the bytes of one connection in the arena into frames and writes their rows.
 *
 *   from                                  result           end
 *   | frame | frame | frame | frame ...   | incomplete ... |
 *
 * Every length is checked against the connection's limit before the frame is waited for.
 */
export class Cutter {
  readonly #arena: Uint8Array;
  readonly #batch: RowBatch;
  readonly #topics: TopicTable;
  readonly #counters: Float64Array;
  readonly #fields: PublishFields = new PublishFields();

  // The runs that the next frame may join. A run is of one connection and one call of `cut`.
  #publishRow = NO_ROW;
  #publishFirst = 0;
  #publishTopic = -1;
  #ackRow = NO_ROW;
  #ackNext = 0;

  constructor(arena: Uint8Array, batch: RowBatch, topics: TopicTable, counters: Float64Array) {
    this.#arena = arena;
    this.#batch = batch;
    this.#topics = topics;
    this.#counters = counters;
  }

  /** @returns where the first byte that was not cut is. Sets the connection's `isHeld`, `need`, `isFaulted`. */
  cut(connection: Connection, from: number, end: number): number {
    connection.isHeld = false;
    connection.need = 0;
    this.#publishRow = NO_ROW;
    this.#ackRow = NO_ROW;
    let at = from;
    while (at < end) {
      if (connection.isGated && connection.isGateShut) break;
      if (this.#batch.isFull) {
        connection.isHeld = true;
        break;
      }
      const length = this.#frameLength(connection, at, end);
      if (length === 0) break;
      if (!this.#emit(connection, at, length)) break;
      this.#counters[COUNTER.framesIn] += 1;
      at += length;
    }
    return at;
  }

  /** Length of the whole frame at `at`; 0 if it is incomplete or a fault. */
  #frameLength(connection: Connection, at: number, end: number): number {
    const available = end - at;
    let length = 0;
    if (connection.framing === FRAMING.raw) return available;
    if (connection.framing === FRAMING.mqtt) {
      const packed = readVarint(this.#arena, at + 1, end);
      if (packed === LENGTH_INCOMPLETE) return 0;
      if (packed === LENGTH_BAD) return this.#fault(connection, FAULT.badLength);
      length = 1 + varintBytes(packed) + varintValue(packed);
    } else {
      if (available < prefixLength(connection)) return 0;
      length = prefixedLength(this.#arena, at, connection.framing === FRAMING.amqp);
    }
    if (length > connection.frameBytesMax) return this.#fault(connection, FAULT.tooLarge);
    if (length <= available) return length;
    connection.need = length;
    return 0;
  }

  /** @returns false if the frame was not taken: a fault, or the batch has to end first. */
  #emit(connection: Connection, at: number, length: number): boolean {
    const arena = this.#arena;
    const first = arena[at];
    if (connection.framing !== FRAMING.mqtt) {
      const header = connection.framing === FRAMING.raw ? 0 : prefixLength(connection);
      this.#batch.add(EVENT.frame, connection.id, at, length, 0, header, first);
      return true;
    }
    let header = 2;
    while (arena[at + header - 1] >= 0x80) header += 1;
    if (connection.version === 0) {
      this.#batch.add(EVENT.frame, connection.id, at, length, 0, header, first);
      connection.isGateShut = true;
      return true;
    }
    if (first >> 4 === 3) {
      this.#ackRow = NO_ROW;
      return this.#emitPublish(connection, at, length, header);
    }
    this.#publishRow = NO_ROW;
    if (length === 4 && isAck(first) && readU16(arena, at + 2) !== 0) {
      this.#emitAck(connection, at, first);
      return true;
    }
    this.#ackRow = NO_ROW;
    const kind = first === PINGREQ && length === 2 ? EVENT.ping : EVENT.frame;
    this.#batch.add(kind, connection.id, at, length, 0, header, first);
    return true;
  }

  #emitPublish(connection: Connection, at: number, length: number, header: number): boolean {
    const arena = this.#arena;
    const fields = this.#fields;
    const first = arena[at];
    const fault = parsePublish(arena, first, at + header, at + length, connection.version, fields);
    if (fault !== 0) return this.#fault(connection, fault) !== 0;
    let topic = -1;
    if (fields.topicLength > 0) {
      topic = this.#topicOf(connection, fields);
      if (topic === TOPIC_TABLE_FULL) {
        connection.isHeld = true;
        return false;
      }
      if (topic < 0) return this.#fault(connection, topic === TOPIC_NOT_A_NAME ? FAULT.badTopicName : FAULT.badPublish) !== 0;
    }
    const standsAlone = fields.topicLength === 0 || fields.propertiesLength > 0;
    if (!standsAlone && this.#publishRow !== NO_ROW && first === this.#publishFirst && topic === this.#publishTopic) {
      this.#batch.extend(this.#publishRow, length);
      return true;
    }
    const kind = standsAlone ? EVENT.publishProperties : EVENT.publish;
    const row = this.#batch.add(kind, connection.id, at, length, topic, header, first | (fields.topicLength << 8));
    this.#publishRow = standsAlone ? NO_ROW : row;
    this.#publishFirst = first;
    this.#publishTopic = topic;
    return true;
  }

  /** A publisher mostly repeats its topic: compare with its last one before hashing. */
  #topicOf(connection: Connection, fields: PublishFields): number {
    const topics = this.#topics;
    const last = connection.lastTopic;
    if (last >= 0 && topics.equals(last, this.#arena, fields.topicAt, fields.topicLength)) {
      topics.pin(last);
      return last;
    }
    const topic = topics.intern(this.#arena, fields.topicAt, fields.topicLength, true);
    if (topic >= 0) connection.lastTopic = topic;
    return topic;
  }

  #emitAck(connection: Connection, at: number, first: number): void {
    const packetId = readU16(this.#arena, at + 2);
    const row = this.#ackRow;
    if (row !== NO_ROW && this.#batch.rows[row + ROW_EXTRA] === first && packetId === this.#ackNext) this.#batch.extend(row, 4);
    else this.#ackRow = this.#batch.add(EVENT.acks, connection.id, at, 4, packetId, 2, first);
    this.#ackNext = nextPacketId(packetId);
  }

  /** @returns 0, so that a caller can end with it. */
  #fault(connection: Connection, number: number): 0 {
    connection.isFaulted = true;
    this.#batch.add(EVENT.fault, connection.id, 0, 0, number, 0, 0);
    return 0;
  }
}

function isAck(first: number): boolean {
  return first === 0x40 || first === 0x50 || first === 0x62 || first === 0x70;
}

/*
  u32be => length:u32 body                                            Kafka, RocketMQ
  amqp  => 'AMQP' 0 0 9 1 | type:u8 channel:u16 size:u32 body 0xCE    AMQP 0-9-1
*/
function prefixLength(connection: Connection): number {
  return connection.framing === FRAMING.amqp ? 7 : 4;
}

function prefixedLength(arena: Uint8Array, at: number, isAmqp: boolean): number {
  if (isAmqp && arena[at] === 0x41) return 8;
  const lengthAt = isAmqp ? at + 3 : at;
  const length = arena[lengthAt] * 0x100_0000 + ((arena[lengthAt + 1] << 16) | (arena[lengthAt + 2] << 8) | arena[lengthAt + 3]);
  return length + (isAmqp ? 8 : 4);
}
