// The grammar of an MQTT fixed header and of PUBLISH, as far as the data plane needs it.
//
//   PUBLISH => first_byte remaining:varint topic_length:u16 topic [packet_id:u16] [v5: properties_length:varint properties] payload
#pragma once

#include <cstdint>

namespace robust {

inline uint32_t readU16(const uint8_t* bytes) { return static_cast<uint32_t>(bytes[0]) << 8 | bytes[1]; }
inline uint32_t readU32(const uint8_t* bytes) { return readU16(bytes) << 16 | readU16(bytes + 2); }
inline void writeU16(uint8_t* bytes, uint32_t value) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value);
}

// After 65535 comes 1: zero is no packet id.
inline uint32_t nextPacketId(uint32_t packetId) { return packetId == 65535 ? 1 : packetId + 1; }

constexpr int varintIncomplete = 0;
constexpr int varintBad = -1;

// Bytes of the variable byte integer at `bytes` (1 to 4), or one of the two above. Not minimal is bad (MQTT 5.0 §1.5.5).
inline int readVarint(const uint8_t* bytes, uint32_t available, uint32_t& value) {
  if (available == 0) return varintIncomplete;
  if (bytes[0] < 0x80) {
    value = bytes[0];
    return 1;
  }
  uint32_t result = bytes[0] & 0x7f;
  for (uint32_t at = 1; at < 4; at++) {
    if (at == available) return varintIncomplete;
    result |= static_cast<uint32_t>(bytes[at] & 0x7f) << (7 * at);
    if (bytes[at] < 0x80) {
      value = result;
      return bytes[at] == 0 ? varintBad : static_cast<int>(at + 1);
    }
  }
  return varintBad;
}

inline uint32_t varintLength(uint32_t value) { return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4; }

inline uint8_t* writeVarint(uint8_t* bytes, uint32_t value) {
  while (value >= 128) {
    *bytes++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *bytes++ = static_cast<uint8_t>(value);
  return bytes;
}

}  // namespace robust
