#include "blocks.h"

#include <cstring>

#include "frames.h"

namespace robust {

namespace {

struct Publish {
  uint32_t total;
  uint32_t topicAt;      // Its length field, from the start of the frame.
  uint32_t topicLength;  // Without the length field.
  uint32_t idAt;         // 0 if QoS 0.
  uint32_t propertiesAt;  // The first property, v5.
  uint32_t propertiesLength;
  uint32_t payloadAt;
};

bool parsePublish(const uint8_t* frame, uint32_t available, uint8_t version, Publish& parsed) {
  if (available < 2 || (frame[0] & 0xf0) != 0x30) return false;
  uint32_t remaining = 0;
  int varint = readVarint(frame + 1, available - 1, remaining);
  if (varint <= 0) return false;
  uint32_t at = 1 + static_cast<uint32_t>(varint);
  parsed.total = at + remaining;
  if (parsed.total > available || remaining < 2) return false;
  parsed.topicAt = at;
  parsed.topicLength = readU16(frame + at);
  at += 2 + parsed.topicLength;
  parsed.idAt = 0;
  if ((frame[0] & 0x06) != 0) {
    parsed.idAt = at;
    at += 2;
  }
  if (at > parsed.total) return false;
  parsed.propertiesLength = 0;
  if (version == 5) {
    int bytes = readVarint(frame + at, parsed.total - at, parsed.propertiesLength);
    if (bytes <= 0) return false;
    at += static_cast<uint32_t>(bytes);
    if (parsed.total - at < parsed.propertiesLength) return false;
  }
  parsed.propertiesAt = at;
  parsed.payloadAt = at + parsed.propertiesLength;
  return true;
}

// Length of the property at `bytes` with its identifier, 0 if it is none of PUBLISH (MQTT 5.0 §3.3.2.3) or cut short.
uint32_t propertyLength(const uint8_t* bytes, uint32_t available) {
  uint32_t length = 0;
  uint32_t value = 0;
  switch (bytes[0]) {
    case 0x01: length = 2; break;                                               // Payload Format Indicator
    case 0x02: length = 5; break;                                               // Message Expiry Interval
    case 0x23: length = 3; break;                                               // Topic Alias
    case 0x03: case 0x08: case 0x09:                                            // Content Type, Response Topic, Correlation Data
      if (available < 3) return 0;
      length = 3 + readU16(bytes + 1);
      break;
    case 0x0b: {                                                                // Subscription Identifier
      int varint = readVarint(bytes + 1, available - 1, value);
      if (varint <= 0) return 0;
      length = 1 + static_cast<uint32_t>(varint);
      break;
    }
    case 0x26: {                                                                // User Property
      if (available < 3) return 0;
      uint32_t name = 3 + readU16(bytes + 1);
      if (available < name + 2) return 0;
      length = name + 2 + readU16(bytes + name);
      break;
    }
    default: return 0;
  }
  return length <= available ? length : 0;
}

// Copies the properties that belong to the message and not to the publisher's connection. A malformed list ends where it
// stops making sense: the protocol checked it before, this is only so that nothing is read beyond it.
uint32_t copyProperties(const uint8_t* bytes, uint32_t length, uint8_t* to) {
  uint32_t at = 0;
  uint32_t copied = 0;
  while (at < length) {
    uint32_t one = propertyLength(bytes + at, length - at);
    if (one == 0) break;
    if (bytes[at] != 0x23 && bytes[at] != 0x0b) {
      std::memcpy(to + copied, bytes + at, one);
      copied += one;
    }
    at += one;
  }
  return copied;
}

bool hasConnectionProperties(const uint8_t* bytes, uint32_t length) {
  uint32_t at = 0;
  while (at < length) {
    uint32_t one = propertyLength(bytes + at, length - at);
    if (one == 0 || bytes[at] == 0x23 || bytes[at] == 0x0b) return true;
    at += one;
  }
  return false;
}

// Remembers where packet ids stand: as a stride while that is true, as a list from the first exception on.
class IdOffsets {
 public:
  IdOffsets(Block& block, Bump& bump, uint32_t count) : block_(block), bump_(bump), count_(count) {}

  void add(uint32_t frame, uint32_t offset) {
    if (list_ != nullptr) {
      list_[frame] = offset;
      return;
    }
    if (frame == 0) {
      block_.firstId = offset;
      return;
    }
    if (frame == 1) block_.stride = offset - block_.firstId;
    if (offset == block_.firstId + frame * block_.stride) return;
    list_ = bump_.takeWords(count_);
    for (uint32_t earlier = 0; earlier < frame; earlier++) list_[earlier] = block_.firstId + earlier * block_.stride;
    list_[frame] = offset;
    block_.idOffsets = list_;
  }

 private:
  Block& block_;
  Bump& bump_;
  uint32_t count_;
  uint32_t* list_ = nullptr;
};

// The block refers to the source if every frame is already what the receivers shall get. False: encode. `isRun` tells
// whether the source is well-formed as far as it was looked at.
bool refer(const BlockSource& source, uint8_t first, Bump& bump, Block& block, bool& isRun) {
  isRun = true;
  if (source.isVolatile || source.length == 0 || source.bytes[0] != first) return false;
  block.hasIds = (first & 0x06) != 0;
  if (source.version == 4 && !block.hasIds) return true;  // Nothing inside a frame matters: no need to look.
  IdOffsets offsets(block, bump, source.count);
  uint32_t at = 0;
  for (uint32_t frame = 0; frame < source.count; frame++) {
    Publish parsed;
    if (!parsePublish(source.bytes + at, source.length - at, source.version, parsed)) {
      isRun = false;
      return false;
    }
    if (source.bytes[at] != first) return false;
    if (parsed.propertiesLength > 0 && hasConnectionProperties(source.bytes + at + parsed.propertiesAt, parsed.propertiesLength)) return false;
    if (block.hasIds) offsets.add(frame, at + parsed.idAt);
    at += parsed.total;
  }
  isRun = at == source.length;
  return isRun;
}

}  // namespace

bool buildBlock(const BlockSource& source, const BlockShape& shape, const uint8_t* ids, uint32_t idsLength, Bump& bump, Block& block) {
  uint8_t first = static_cast<uint8_t>(0x30 | shape.duplicate << 3 | shape.qos << 1 | shape.retain);
  block = Block{};
  block.bytes = source.bytes;
  block.length = source.length;
  block.count = source.count;
  if (source.version == shape.version && idsLength == 0) {
    bool isRun = true;
    if (refer(source, first, bump, block, isRun)) return true;
    if (!isRun) return false;
    block.firstId = block.stride = 0;
    block.idOffsets = nullptr;
  }

  block.hasIds = shape.qos > 0;
  // A frame grows at most by its subscription identifiers and three longer length fields.
  uint64_t bound = source.length + static_cast<uint64_t>(source.count) * (idsLength + 12);
  if (bound > INT32_MAX) return false;
  uint8_t* const start = bump.take(static_cast<uint32_t>(bound));
  uint8_t* out = start;
  IdOffsets offsets(block, bump, source.count);
  uint32_t at = 0;
  for (uint32_t frame = 0; frame < source.count; frame++) {
    const uint8_t* in = source.bytes + at;
    Publish parsed;
    if (!parsePublish(in, source.length - at, source.version, parsed)) return false;
    if (shape.qos > 0 && parsed.idAt == 0) return false;
    uint32_t payloadLength = parsed.total - parsed.payloadAt;
    uint32_t topicField = 2 + parsed.topicLength;
    uint32_t idLength = shape.qos > 0 ? 2 : 0;

    // Properties first, behind where the longest header would end; then they move into place.
    uint8_t* properties = out + 5 + topicField + idLength + 4;
    uint32_t propertiesLength = 0;
    uint32_t lengthBytes = 0;
    if (shape.version == 5) {
      if (idsLength > 0) std::memcpy(properties, ids, idsLength);
      propertiesLength = idsLength + copyProperties(in + parsed.propertiesAt, parsed.propertiesLength, properties + idsLength);
      lengthBytes = varintLength(propertiesLength);
    }
    uint32_t remaining = topicField + idLength + lengthBytes + propertiesLength + payloadLength;
    *out++ = first;
    out = writeVarint(out, remaining);
    std::memcpy(out, in + parsed.topicAt, topicField);
    out += topicField;
    if (shape.qos > 0) {
      offsets.add(frame, static_cast<uint32_t>(out - start));
      writeU16(out, 0);
      out += 2;
    }
    if (shape.version == 5) {
      out = writeVarint(out, propertiesLength);
      std::memmove(out, properties, propertiesLength);
      out += propertiesLength;
    }
    std::memcpy(out, in + parsed.payloadAt, payloadLength);
    out += payloadLength;
    at += parsed.total;
  }
  block.bytes = start;
  block.length = static_cast<uint32_t>(out - start);
  return at == source.length;
}

bool encodeAcks(const uint8_t* bytes, uint32_t available, uint32_t count, uint8_t firstByte, uint8_t reasonCode, uint8_t* to) {
  uint32_t at = 0;
  for (uint32_t frame = 0; frame < count; frame++) {
    Publish parsed;
    // As version 4: what stands behind the packet id does not matter here.
    if (!parsePublish(bytes + at, available - at, 4, parsed) || parsed.idAt == 0) return false;
    to[0] = firstByte;
    to[1] = reasonCode == 0 ? 2 : 3;
    to[2] = bytes[at + parsed.idAt];
    to[3] = bytes[at + parsed.idAt + 1];
    if (reasonCode != 0) to[4] = reasonCode;
    to += reasonCode == 0 ? 4 : 5;
    at += parsed.total;
  }
  return true;
}

uint32_t copyWithIds(const Block& block, uint32_t packetId, uint8_t* to) {
  std::memcpy(to, block.bytes, block.length);
  if (!block.hasIds) return packetId;
  if (block.idOffsets == nullptr) {
    uint8_t* at = to + block.firstId;
    for (uint32_t frame = 0; frame < block.count; frame++, at += block.stride) {
      writeU16(at, packetId);
      packetId = nextPacketId(packetId);
    }
    return packetId;
  }
  for (uint32_t frame = 0; frame < block.count; frame++) {
    writeU16(to + block.idOffsets[frame], packetId);
    packetId = nextPacketId(packetId);
  }
  return packetId;
}

}  // namespace robust
