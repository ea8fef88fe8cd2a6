#include "cutter.h"

#include <cstring>

#include "frames.h"

namespace robust {

namespace {

constexpr uint8_t pingRequest = 0xc0;

bool isAckOf(uint8_t first) { return first == 0x40 || first == 0x50 || first == 0x62 || first == 0x70; }

}  // namespace

// Whether a complete frame of the run's first byte continues it: same topic, packet id not 0, v5: no properties.
bool Cutter::continues(const Run& run, const uint8_t* body, uint32_t remaining, uint8_t version) {
  bool hasId = (run.first & 0x06) != 0;
  uint32_t fields = run.topicFieldLength + (hasId ? 2 : 0) + (version == 5 ? 1 : 0);
  if (remaining < fields || std::memcmp(body, run.topicField, run.topicFieldLength) != 0) return false;
  const uint8_t* after = body + run.topicFieldLength;
  if (hasId) {
    if ((after[0] | after[1]) == 0) return false;
    after += 2;
  }
  return version != 5 || *after == 0;
}

void Cutter::fault(Connection& connection, RowBatch& batch, int32_t number) {
  connection.isFaulted = true;
  int32_t* row = batch.add(EVENT_FAULT, connection.id);
  row[ROW_OFFSET] = row[ROW_LENGTH] = row[ROW_COUNT] = row[ROW_HEADER] = row[ROW_EXTRA] = 0;
  row[ROW_NUMBER] = number;
}

int32_t* Cutter::frameRow(RowBatch& batch, const Connection& connection, uint32_t at, uint32_t header, uint32_t total) {
  int32_t* row = batch.add(EVENT_FRAME, connection.id);
  row[ROW_OFFSET] = static_cast<int32_t>(at);
  row[ROW_LENGTH] = static_cast<int32_t>(total);
  row[ROW_COUNT] = 1;
  row[ROW_NUMBER] = 0;
  row[ROW_HEADER] = static_cast<int32_t>(header);
  row[ROW_EXTRA] = arena_[at];
  return row;
}

uint32_t Cutter::cut(Connection& connection, uint32_t from, uint32_t end, RowBatch& batch) {
  connection.isHeld = false;
  connection.need = 0;
  if (connection.framing == FRAMING_MQTT) return cutMqtt(connection, from, end, batch);
  if (connection.framing != FRAMING_RAW) return cutPrefixed(connection, from, end, batch);
  if (from == end) return end;
  if (batch.isFull()) {
    connection.isHeld = true;
    return from;
  }
  frameRow(batch, connection, from, 0, end - from);
  counters_[COUNTER_FRAMES_IN] += 1;
  return end;
}

// FAULT_* or 0. MQTT 5.0 §3.3.
int32_t Cutter::publishFault(uint8_t version, const uint8_t* frame, uint32_t header, uint32_t total, uint32_t& topicLength, bool& hasProperties) {
  uint32_t qos = frame[0] >> 1 & 3;
  if (qos == 3 || (qos == 0 && (frame[0] & 0x08) != 0)) return FAULT_BAD_PUBLISH;
  const uint8_t* at = frame + header;
  uint32_t left = total - header;
  if (left < 2) return FAULT_BAD_PUBLISH;
  topicLength = readU16(at);
  if (left < 2 + topicLength) return FAULT_BAD_PUBLISH;
  at += 2 + topicLength;
  left -= 2 + topicLength;
  if (qos > 0) {
    if (left < 2 || readU16(at) == 0) return FAULT_BAD_PUBLISH;
    at += 2;
    left -= 2;
  }
  hasProperties = topicLength == 0;
  if (version == 5) {
    uint32_t properties = 0;
    int bytes = readVarint(at, left, properties);
    if (bytes <= 0 || left - static_cast<uint32_t>(bytes) < properties) return FAULT_BAD_PUBLISH;
    hasProperties = hasProperties || properties > 0;
  } else if (topicLength == 0) {
    return FAULT_BAD_PUBLISH;
  }
  return 0;
}

// A publisher mostly repeats its topic: that is looked for first.
int32_t Cutter::topicFault(Connection& connection, const uint8_t* name, uint32_t length, int32_t& topic) {
  if (connection.lastTopic >= 0 && topics_.equals(connection.lastTopic, name, length)) {
    topic = topics_.pin(connection.lastTopic) ? connection.lastTopic : TopicTable::full;
    return 0;
  }
  TopicCheck check = TopicCheck::good;
  topic = topics_.internForBatch(name, length, check);
  if (topic == TopicTable::none) return check == TopicCheck::notAName ? FAULT_BAD_TOPIC_NAME : FAULT_BAD_PUBLISH;
  if (topic >= 0) connection.lastTopic = topic;
  return 0;
}

bool Cutter::startRun(Connection& connection, uint32_t at, uint32_t header, uint32_t total, RowBatch& batch, Run& run) {
  const uint8_t* frame = arena_ + at;
  uint32_t topicLength = 0;
  bool hasProperties = false;
  int32_t topic = TopicTable::none;
  int32_t number = publishFault(connection.version, frame, header, total, topicLength, hasProperties);
  if (number == 0 && topicLength > 0) number = topicFault(connection, frame + header + 2, topicLength, topic);
  if (number != 0) {
    fault(connection, batch, number);
    return false;
  }
  if (topic == TopicTable::full) {
    connection.isHeld = true;
    return false;
  }
  int32_t* row = frameRow(batch, connection, at, header, total);
  row[ROW_KIND] = hasProperties ? EVENT_PUBLISH_PROPERTIES : EVENT_PUBLISH;
  row[ROW_NUMBER] = topic;
  row[ROW_EXTRA] = static_cast<int32_t>(frame[0] | topicLength << 8);
  if (!hasProperties) run = Run{row, frame + header, 2 + topicLength, frame[0]};
  return true;
}

uint32_t Cutter::cutMqtt(Connection& connection, uint32_t from, uint32_t end, RowBatch& batch) {
  const uint8_t* const arena = arena_;
  const uint32_t frameBytesMax = connection.frameBytesMax;
  const uint8_t version = connection.version;
  uint32_t at = from;
  uint32_t frames = 0;
  Run run;
  int32_t* acks = nullptr;  // The row of acknowledgements that the next one may join,
  uint32_t ackNext = 0;     // if it has this packet id.

  while (at < end) {
    if (connection.isGated && connection.isGateShut) {
      connection.isHeld = true;
      break;
    }
    const uint8_t* frame = arena + at;
    uint32_t available = end - at;
    uint32_t remaining = 0;
    int varint = readVarint(frame + 1, available - 1, remaining);
    if (varint == varintIncomplete) break;
    if (batch.isFull()) {
      connection.isHeld = true;
      break;
    }
    if (varint == varintBad) {
      fault(connection, batch, FAULT_BAD_LENGTH);
      break;
    }
    uint32_t header = 1 + static_cast<uint32_t>(varint);
    uint32_t total = header + remaining;
    if (total > frameBytesMax) {
      fault(connection, batch, FAULT_TOO_LARGE);
      break;
    }
    if (available < total) {
      connection.need = total;
      break;
    }

    uint8_t first = frame[0];
    if (version == 0) {
      frameRow(batch, connection, at, header, total);
      connection.isGateShut = true;
    } else if ((first & 0xf0) == 0x30) {
      acks = nullptr;
      if (run.row != nullptr && first == run.first && continues(run, frame + header, remaining, version)) {
        run.row[ROW_LENGTH] += static_cast<int32_t>(total);
        run.row[ROW_COUNT]++;
        frames++;
        at += total;
        continue;
      }
      run.row = nullptr;
      if (!startRun(connection, at, header, total, batch, run)) break;
    } else if (remaining == 2 && isAckOf(first) && readU16(frame + 2) != 0) {
      run.row = nullptr;
      uint32_t packetId = readU16(frame + 2);
      if (acks != nullptr && acks[ROW_EXTRA] == first && packetId == ackNext) {
        acks[ROW_LENGTH] += 4;
        acks[ROW_COUNT]++;
      } else {
        acks = frameRow(batch, connection, at, header, total);
        acks[ROW_KIND] = EVENT_ACKS;
        acks[ROW_NUMBER] = static_cast<int32_t>(packetId);
      }
      ackNext = nextPacketId(packetId);
    } else {
      run.row = nullptr;
      acks = nullptr;
      int32_t* row = frameRow(batch, connection, at, header, total);
      if (first == pingRequest && remaining == 0) row[ROW_KIND] = EVENT_PING;
    }
    frames++;
    at += total;
  }
  counters_[COUNTER_FRAMES_IN] += frames;
  return at;
}

/*
  u32be => length:u32 body                                         Kafka, RocketMQ
  amqp  => "AMQP" 0 0 9 1 | type:u8 channel:u16 size:u32 body 0xCE  AMQP 0-9-1
*/
uint32_t Cutter::cutPrefixed(Connection& connection, uint32_t from, uint32_t end, RowBatch& batch) {
  bool isAmqp = connection.framing == FRAMING_AMQP;
  uint32_t header = isAmqp ? 7 : 4;
  uint32_t at = from;
  while (at < end) {
    uint32_t available = end - at;
    if (available < header) break;
    if (batch.isFull()) {
      connection.isHeld = true;
      break;
    }
    uint64_t total;
    if (isAmqp && arena_[at] == 'A') {
      total = 8;
    } else {
      total = static_cast<uint64_t>(readU32(arena_ + at + (isAmqp ? 3 : 0))) + header + (isAmqp ? 1 : 0);
    }
    if (total > connection.frameBytesMax) {
      fault(connection, batch, FAULT_TOO_LARGE);
      break;
    }
    if (available < total) {
      connection.need = static_cast<uint32_t>(total);
      break;
    }
    frameRow(batch, connection, at, header, static_cast<uint32_t>(total));
    counters_[COUNTER_FRAMES_IN] += 1;
    at += static_cast<uint32_t>(total);
  }
  return at;
}

}  // namespace robust
