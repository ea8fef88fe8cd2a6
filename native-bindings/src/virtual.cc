// Reactor: connections without a socket. JS pushes their input, and is handed their output in batches.
#include "reactor.h"

namespace robust {

int64_t Reactor::openVirtual(const ConnectionOptions& options) {
  Connection* connection = connections_.take(options);
  if (connection == nullptr) return -1;
  connection->isVirtual = true;
  memory_.activity[connection->id] = tick();
  return connection->id;
}

bool Reactor::pushVirtual(Connection& connection, const uint8_t* bytes, uint32_t length) {
  if (connection.phase != Phase::open || connection.isFaulted || connection.isAtEnd) return true;
  if (static_cast<uint64_t>(connection.carry.length) + length > static_cast<uint64_t>(memory_.arenaBytes) + pushBytesBeyondFrame) {
    closeNow(connection, CLOSE_BUDGET, 0);  // It was told to wait and did not.
    return false;
  }
  connection.carry.append(bytes, length);
  memory_.counters[COUNTER_BYTES_IN] += length;
  memory_.counters[COUNTER_READS] += 1;
  memory_.activity[connection.id] = tick();
  connection.isHeld = true;
  markReady(connection);
  uint32_t limit = connection.need > pushBytesMax ? connection.need : pushBytesMax;
  connection.isThrottled = connection.carry.length > limit;
  return !connection.isThrottled;
}

void Reactor::acknowledgeOutput(Connection& connection, uint32_t bytes) {
  if (!connection.isVirtual || connection.phase == Phase::closed || connection.phase == Phase::free) return;
  uint32_t delivered = connection.waiting - connection.pending.length;
  output_.subtractWaiting(connection, bytes < delivered ? bytes : delivered);
  updateMarks(connection);
}

// What it sent before is still cut, unless nobody would.
void Reactor::closeVirtual(Connection& connection, int32_t reason) {
  if (!connection.isVirtual || connection.isAtEnd) return;
  if (connection.phase != Phase::open && connection.phase != Phase::closing) return;
  connection.isAtEnd = true;
  connection.isOutputDead = true;
  connection.endReason = static_cast<uint8_t>(reason);
  if (connection.phase == Phase::closing || connection.isFaulted || !connection.isHeld) {
    closeNow(connection, connection.phase == Phase::closing ? CLOSE_BY_US : reason, 0);
  } else {
    markReady(connection);
  }
}

void Reactor::link(Connection& connection) {
  if (connection.isLinked) return;
  connection.isLinked = true;
  linked_.push_back(&connection);
}

// Hands output and news of virtual connections to their carriers, many in one call.
void Reactor::deliverVirtual() {
  if (isInVirtual_ || (linked_.empty() && notices_.empty())) return;
  isInVirtual_ = true;
  while (!isClosed_ && !(linked_.empty() && notices_.empty())) {
    uint32_t rows = 0;
    uint32_t used = 0;
    size_t at = 0;
    for (; at < linked_.size() && rows < memory_.virtualRowsMax; at++) {
      Connection& connection = *linked_[at];
      uint32_t room = memory_.windowBytes - used;
      uint32_t length = connection.pending.length < room ? connection.pending.length : room;
      if (length > 0) {
        std::memcpy(memory_.window + used, connection.pending.front(), length);
        connection.pending.consume(length);
        int32_t* row = memory_.virtualRows + static_cast<size_t>(rows++) * VIRTUAL_INTS;
        row[0] = VIRTUAL_OUTPUT;
        row[1] = static_cast<int32_t>(connection.id);
        row[2] = static_cast<int32_t>(used);
        row[3] = static_cast<int32_t>(length);
        used += length;
        memory_.counters[COUNTER_BYTES_OUT] += length;
        memory_.counters[COUNTER_WRITES] += 1;
      }
      if (connection.pending.length > 0) break;
      connection.isLinked = false;
      if (connection.phase == Phase::closing) closeNow(connection, CLOSE_BY_US, 0);
    }
    linked_.erase(linked_.begin(), linked_.begin() + static_cast<std::ptrdiff_t>(at));
    // News of a connection follows its output.
    size_t told = 0;
    for (; linked_.empty() && told < notices_.size() && rows < memory_.virtualRowsMax; told++) {
      int32_t* row = memory_.virtualRows + static_cast<size_t>(rows++) * VIRTUAL_INTS;
      row[0] = notices_[told].kind;
      row[1] = static_cast<int32_t>(notices_[told].connection);
      row[2] = row[3] = 0;
    }
    notices_.erase(notices_.begin(), notices_.begin() + static_cast<std::ptrdiff_t>(told));
    if (rows > 0) host_.onVirtual(rows);
  }
  isInVirtual_ = false;
}

}  // namespace robust
