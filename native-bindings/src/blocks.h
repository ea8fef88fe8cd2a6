// A block: a run of PUBLISH frames encoded once for a class of receivers. Packet ids are left to the delivery.
#pragma once

#include <cstdint>

#include "memory.h"

namespace robust {

struct BlockShape {
  uint8_t version;  // 4 or 5.
  uint8_t qos;
  uint8_t retain;
  uint8_t duplicate;
};

struct Block {
  const uint8_t* bytes = nullptr;  // The source itself where its encoding is the wanted one.
  uint32_t length = 0;
  uint32_t count = 0;
  // Where the packet ids stand (QoS > 0): firstId, firstId + stride, ... or, if frames differ in length, as listed.
  uint32_t firstId = 0;
  uint32_t stride = 0;
  const uint32_t* idOffsets = nullptr;
  bool hasIds = false;

  uint32_t idOffset(uint32_t frame) const { return idOffsets != nullptr ? idOffsets[frame] : firstId + frame * stride; }
};

struct BlockSource {
  const uint8_t* bytes;
  uint32_t length;
  uint32_t count;
  uint8_t version;
  bool isVolatile;  // The bytes may change before the block is sent: copy them.
};

// False if the source is not `count` PUBLISH frames, or has not the packet ids that `shape` asks to replace.
bool buildBlock(const BlockSource& source, const BlockShape& shape, const uint8_t* ids, uint32_t idsLength, Bump& bump, Block& block);

// Writes `length` bytes of acknowledgements for the frames of a run to `to`: 4 bytes each, or 5 with a reason code.
// False if the source is not a run of PUBLISH frames with packet ids.
bool encodeAcks(const uint8_t* bytes, uint32_t available, uint32_t count, uint8_t firstByte, uint8_t reasonCode, uint8_t* to);

// Copies the whole block to `to` with packet ids from `packetId` on. Returns the id after the last.
uint32_t copyWithIds(const Block& block, uint32_t packetId, uint8_t* to);

}  // namespace robust
