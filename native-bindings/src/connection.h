// One connection, and the table that gives connections their numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "memory.h"

namespace robust {

constexpr uint32_t noSegment = UINT32_MAX;

// What epoll watches for a descriptor.
constexpr uint8_t watchRead = 1;
constexpr uint8_t watchWrite = 2;
constexpr uint8_t watchNothing = 4;  // It is not even in the set.

enum class Phase : uint8_t {
  free,        // The number is nobody's.
  connecting,  // Our connect() has not answered.
  open,
  closing,  // Output is flushed and input discarded until the peer closes or the linger time is over.
  closed,   // Gone, the number is still taken: the protocol has yet to say `release`.
};

struct ConnectionOptions {
  uint8_t framing;
  bool gated;
  uint32_t frameBytesMax;
  uint32_t highMarkBytes;
  uint32_t lowMarkBytes;
  uint32_t outputBytesMax;
};

// What a fan-out touches comes first and shares one cache line.
struct alignas(64) Connection {
  uint32_t id = 0;
  int32_t fd = -1;  // -1: virtual, or none any more.
  Phase phase = Phase::free;
  uint8_t armed = 0;    // watchRead | watchWrite, or watchNothing.
  uint8_t framing = 0;
  uint8_t endReason = 0;  // CLOSE_* to report when a virtual connection's input is cut.
  uint8_t version = 0;  // MQTT protocol level once admitted, before that 0.
  bool isDirty : 1;
  bool isReady : 1;      // In the reactor's ready queue.
  bool isVirtual : 1;
  bool isCongested : 1;  // Above the high mark, not yet below the low mark.
  bool isGated : 1;      // Frames after the first wait for `admit`.
  bool isGateShut : 1;   // The first frame has come.
  bool isHeld : 1;       // `carry` may hold whole frames: cut them before reading on.
  bool isPaused : 1;
  bool isFaulted : 1;
  bool isAtEnd : 1;       // The peer sends no more (virtual: is gone), what it sent is still being cut.
  bool isHungUp : 1;      // epoll reported an error or hang-up: read what is left whatever else is asked.
  bool isOutputDead : 1;  // A write failed. What arrived is still read, then the connection closes.
  bool isOverBudget : 1;
  bool isShutDown : 1;    // Our FIN is on its way.
  bool isThrottled : 1;   // Virtual: the pusher was told to wait.
  bool isLinked : 1;      // Virtual: `pending` is listed for delivery.
  uint32_t firstSegment = noSegment;
  uint32_t lastSegment = noSegment;
  uint32_t stamp = 0;       // Entries of target lists carry it; a new stamp takes the connection out of all of them.
  uint32_t highMarkBytes = 0;
  uint32_t waiting = 0;     // Bytes of output that wait: `pending`, and for a virtual connection what is not acknowledged.
  uint32_t queuedFrames = 0;
  int32_t lastTopic = -1;

  uint32_t lowMarkBytes = 0;
  uint32_t outputBytesMax = 0;
  uint32_t frameBytesMax = 0;
  uint32_t need = 0;  // Length of the incomplete frame at the front of `carry`, 0 if not known yet.
  int32_t error = 0;
  uint32_t lingerMs = 0;
  uint64_t lingerUntilMs = 0;
  Buffer carry;    // Input that is not cut yet.
  Buffer pending;  // Output the kernel did not take.

  bool isLive() const { return phase == Phase::open || phase == Phase::connecting; }
  bool takesInput() const {
    return phase == Phase::open && !isPaused && !isFaulted && !(isGated && isGateShut);
  }
};

static_assert(sizeof(Connection) <= 192, "ten thousand idle connections cost two megabytes at most");

// Connections live in slabs and never move. Numbers are dense and the ones given back last are used first.
class ConnectionTable {
 public:
  explicit ConnectionTable(uint32_t max) : max_(max) {}
  ~ConnectionTable();
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;

  uint32_t size() const { return size_; }
  // Null for a number that was never given out.
  Connection* find(uint32_t id) const { return id < size_ ? &slabs_[id >> slabShift][id & slabMask] : nullptr; }
  // Null if the table is full.
  Connection* take(const ConnectionOptions& options);
  void giveBack(Connection& connection);

 private:
  static constexpr uint32_t slabShift = 9;
  static constexpr uint32_t slabMask = (1u << slabShift) - 1;

  uint32_t max_;
  uint32_t size_ = 0;
  std::vector<Connection*> slabs_;
  std::vector<uint32_t> free_;
};

}  // namespace robust
