// Reactor: execution of command rows. COMMAND_INTS integers each:
//
//   SEND                0 op | 1 connection | 2 space | 3 offset | 4 length
//   BUILD_BLOCK         0 op, shape << 8 (below) | 1 space | 2 offset | 3 length | 4 count | 5 ids offset | 6 ids length
//   SEND_BLOCK          0 op | 1 connection | 2 block | 3 first packet id
//   SEND_BLOCK_TO_LIST  0 op | 1 list | 2 block | 3 except connection
//   ACK_RUN             0 op | 1 connection | 2 first byte | 3 reason code | 4 space | 5 offset | 6 count
//   ACK_RANGE           0 op | 1 connection | 2 first byte | 3 first packet id | 4 count
//   ADMIT               0 op | 1 connection | 2 version | 3 frameBytesMax
//   CLOSE               0 op | 1 connection | 2 lingerMs
//   PAUSE RESUME RELEASE LIST_FORGET  0 op | 1 connection
//
//   shape: bits 8-11 source version, 12-15 version, 16-17 QoS, 18 retain, 19 duplicate
//
// A command for a connection that is gone does nothing: its `closed` row may still be on the way. What JS can only get
// wrong by a fault of its own (a space, a block, a range) ends the execution.
#include "frames.h"
#include "reactor.h"

namespace robust {

int32_t Reactor::execute(uint32_t count) {
  const int32_t* command = memory_.commands;
  for (uint32_t at = 0; at < count; at++, command += COMMAND_INTS) {
    if (!executeOne(command)) return static_cast<int32_t>(at);
    if (output_.isCrowded()) flushAll();
  }
  return -1;
}

const uint8_t* Reactor::inSpace(int32_t space, int32_t offset, int32_t length) const {
  if (space < 0 || static_cast<size_t>(space) >= spaces_.size() || offset < 0 || length < 0) return nullptr;
  const Space& found = spaces_[static_cast<size_t>(space)];
  if (static_cast<uint64_t>(offset) + static_cast<uint64_t>(length) > found.length) return nullptr;
  return found.bytes + offset;
}

bool Reactor::executeOne(const int32_t* command) {
  switch (command[0] & 0xff) {
    case COMMAND_BUILD_BLOCK: return runBuildBlock(command);
    case COMMAND_SEND_BLOCK: return runSendBlock(command);
    case COMMAND_SEND_BLOCK_TO_LIST: return runSendBlockToList(command);
    case COMMAND_ACK_RUN: return runAckRun(command);
    case COMMAND_ACK_RANGE: return runAckRange(command);
    default: break;
  }
  Connection* connection = connections_.find(static_cast<uint32_t>(command[1]));
  if (connection == nullptr) return false;
  switch (command[0] & 0xff) {
    case COMMAND_SEND: {
      const uint8_t* bytes = inSpace(command[2], command[3], command[4]);
      if (bytes == nullptr) return false;
      if (!connection->isLive() || command[4] == 0) return true;
      output_.appendRaw(*connection, bytes, static_cast<uint32_t>(command[4]));
      memory_.counters[COUNTER_FRAMES_OUT] += 1;
      return true;
    }
    case COMMAND_ADMIT:
      if ((command[2] != 4 && command[2] != 5) || command[3] <= 0 || static_cast<uint32_t>(command[3]) > frameBytesMax()) return false;
      admit(*connection, static_cast<uint8_t>(command[2]), static_cast<uint32_t>(command[3]));
      return true;
    case COMMAND_PAUSE: setPaused(*connection, true); return true;
    case COMMAND_RESUME: setPaused(*connection, false); return true;
    case COMMAND_CLOSE:
      if (command[2] < 0) return false;
      beginClose(*connection, static_cast<uint32_t>(command[2]));
      return true;
    case COMMAND_RELEASE:
      if (connection->phase != Phase::closed) return false;
      connections_.giveBack(*connection);
      return true;
    case COMMAND_LIST_FORGET: connection->stamp++; return true;
    default: return false;
  }
}

bool Reactor::runBuildBlock(const int32_t* command) {
  int32_t packed = command[0];
  BlockShape shape{static_cast<uint8_t>(packed >> 12 & 15), static_cast<uint8_t>(packed >> 16 & 3), static_cast<uint8_t>(packed >> 18 & 1), static_cast<uint8_t>(packed >> 19 & 1)};
  uint8_t sourceVersion = static_cast<uint8_t>(packed >> 8 & 15);
  const uint8_t* bytes = inSpace(command[1], command[2], command[3]);
  const uint8_t* ids = inSpace(SPACE_SCRATCH, command[5], command[6]);
  if (bytes == nullptr || ids == nullptr || command[4] < 1 || shape.qos > 2) return false;
  if ((sourceVersion != 4 && sourceVersion != 5) || (shape.version != 4 && shape.version != 5)) return false;
  BlockSource source{bytes, static_cast<uint32_t>(command[3]), static_cast<uint32_t>(command[4]), sourceVersion, command[1] == SPACE_SCRATCH};
  uint32_t idsLength = shape.version == 5 ? static_cast<uint32_t>(command[6]) : 0;
  Block block;
  if (!buildBlock(source, shape, ids, idsLength, output_.bump(), block)) return false;
  output_.blocks().push_back(block);
  return true;
}

bool Reactor::runSendBlock(const int32_t* command) {
  Connection* connection = connections_.find(static_cast<uint32_t>(command[1]));
  uint32_t index = static_cast<uint32_t>(command[2]);
  if (connection == nullptr || index >= output_.blocks().size()) return false;
  if (!connection->isLive()) return true;
  const Block& block = output_.blocks()[index];
  if (block.hasIds) {
    if (command[3] < 1 || command[3] > 65535) return false;
    output_.appendBlock(*connection, index, static_cast<uint32_t>(command[3]));
  } else {
    output_.appendRaw(*connection, block.bytes, block.length);
  }
  memory_.counters[COUNTER_FRAMES_OUT] += block.count;
  return true;
}

bool Reactor::runSendBlockToList(const int32_t* command) {
  uint32_t index = static_cast<uint32_t>(command[2]);
  if (static_cast<uint32_t>(command[1]) >= listsMax || index >= output_.blocks().size()) return false;
  const Block block = output_.blocks()[index];
  if (block.hasIds) return false;
  if (static_cast<uint32_t>(command[1]) >= lists_.size()) return true;
  std::vector<ListEntry>& list = lists_[static_cast<uint32_t>(command[1])];
  const uint32_t except = static_cast<uint32_t>(command[3]);
  uint32_t sent = 0;
  uint32_t passed = 0;
  size_t kept = 0;
  for (size_t at = 0; at < list.size(); at++) {
    const ListEntry entry = list[at];
    Connection& connection = *connections_.find(entry.connection);
    if (connection.stamp != entry.stamp) continue;  // Forgotten: the entry goes with this pass.
    list[kept++] = entry;
    if (entry.connection == except || !connection.isLive()) continue;
    if (connection.isCongested) {  // From the high mark until it is relieved, so that a slow receiver gets gaps, not a stutter.
      passed++;
      continue;
    }
    output_.appendRaw(connection, block.bytes, block.length);
    sent++;
  }
  list.resize(kept);
  memory_.counters[COUNTER_FRAMES_OUT] += static_cast<double>(sent) * block.count;
  memory_.counters[COUNTER_DROPPED_QOS0] += static_cast<double>(passed) * block.count;
  return true;
}

bool Reactor::runAckRun(const int32_t* command) {
  Connection* connection = connections_.find(static_cast<uint32_t>(command[1]));
  int32_t space = command[4];
  int32_t offset = command[5];
  const uint8_t* bytes = inSpace(space, offset, 0);
  if (connection == nullptr || bytes == nullptr || command[6] < 1 || command[6] > INT32_MAX / 5) return false;
  if (!connection->isLive()) return true;
  uint32_t count = static_cast<uint32_t>(command[6]);
  uint32_t length = count * (command[3] == 0 ? 4 : 5);
  uint8_t* acks = output_.bump().take(length);
  uint32_t available = static_cast<uint32_t>(spaces_[static_cast<size_t>(space)].length - static_cast<uint64_t>(offset));
  if (!encodeAcks(bytes, available, count, static_cast<uint8_t>(command[2]), static_cast<uint8_t>(command[3]), acks)) return false;
  output_.appendRaw(*connection, acks, length);
  memory_.counters[COUNTER_FRAMES_OUT] += count;
  return true;
}

bool Reactor::runAckRange(const int32_t* command) {
  Connection* connection = connections_.find(static_cast<uint32_t>(command[1]));
  if (connection == nullptr || command[3] < 1 || command[3] > 65535 || command[4] < 1 || command[4] > 65535) return false;
  if (!connection->isLive()) return true;
  uint32_t count = static_cast<uint32_t>(command[4]);
  uint32_t packetId = static_cast<uint32_t>(command[3]);
  uint8_t* acks = output_.bump().take(count * 4);
  for (uint8_t* at = acks; at < acks + count * 4; at += 4) {
    at[0] = static_cast<uint8_t>(command[2]);
    at[1] = 2;
    writeU16(at + 2, packetId);
    packetId = nextPacketId(packetId);
  }
  output_.appendRaw(*connection, acks, count * 4);
  memory_.counters[COUNTER_FRAMES_OUT] += count;
  return true;
}

void Reactor::setList(uint32_t list, const int32_t* connections, uint32_t count) {
  if (list >= lists_.size()) lists_.resize(list + 1);
  std::vector<ListEntry>& entries = lists_[list];
  entries.clear();
  if (count == 0) {
    std::vector<ListEntry>().swap(entries);
    return;
  }
  entries.reserve(count);
  for (uint32_t at = 0; at < count; at++) {
    const Connection* connection = connections_.find(static_cast<uint32_t>(connections[at]));
    if (connection != nullptr && connection->isLive()) entries.push_back(ListEntry{connection->id, connection->stamp});
  }
}

}  // namespace robust
