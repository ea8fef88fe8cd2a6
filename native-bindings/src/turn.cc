// Reactor: turns, and the reading side of connections.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>

#include "reactor.h"

namespace robust {

namespace {

constexpr int pollEventsMax = 1024;

uint64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

bool isTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

// Rounds go on while sockets are ready, but not for long: rings, timers and the store live on the same loop.
void Reactor::turn() {
  if (isClosed_ || isInTurn_ || !isStarted_) return;
  isInTurn_ = true;
  uint64_t began = nowNs();
  for (uint32_t round = 0; round < roundsMax; round++) {
    uint64_t now = round == 0 ? began : nowNs();
    if (now - began > turnNsMax) break;
    tick_ = static_cast<int32_t>((now - startedNs_) / 100'000'000);
    pollSockets();
    ready_.swap(later_);
    later_.clear();
    if (ready_.empty() && events_.empty()) break;
    memory_.counters[COUNTER_TURNS] += 1;
    if (!runBatch()) {
      isInTurn_ = false;
      return;
    }
  }
  isInTurn_ = false;
  if (!later_.empty() || !events_.empty()) scheduleSoon();
}

void Reactor::pollSockets() {
  epoll_event events[pollEventsMax];
  int count = epoll_wait(epoll_, events, pollEventsMax, 0);
  for (int at = 0; at < count; at++) {
    Connection& connection = *connections_.find(events[at].data.u32);
    uint32_t what = events[at].events;
    if (connection.fd < 0) continue;
    if (connection.phase == Phase::connecting) {
      finishConnect(connection);
      continue;
    }
    if ((what & (EPOLLERR | EPOLLHUP)) != 0) connection.isHungUp = true;
    if ((what & EPOLLOUT) != 0) {
      output_.flushPending(connection);
      finishConnection(connection);
    }
    if ((what & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) markReady(connection);
  }
}

// Serves every ready connection once, in as many calls into JS as the arena and the rows ask for.
bool Reactor::runBatch() {
  size_t at = 0;
  do {
    batch_.count = 0;
    arenaFill_ = 0;
    topics_.beginBatch();
    size_t told = 0;
    for (; told < events_.size() && !batch_.isFull(); told++) {
      std::memcpy(batch_.rows + static_cast<size_t>(batch_.count++) * ROW_INTS, events_[told].cells, sizeof(Row));
    }
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(told));
    while (at < ready_.size() && arenaFill_ < batchBytes && !batch_.isFull()) serveReady(*ready_[at++]);
    if (batch_.count > 0) {
      int32_t commands = host_.onTurn(batch_.count);
      if (isClosed_) return false;
      if (commands > 0) {
        int32_t bad = execute(static_cast<uint32_t>(commands) < memory_.commandsMax ? static_cast<uint32_t>(commands) : memory_.commandsMax);
        if (bad >= 0) host_.onBadCommand(bad);
      }
    }
    finishCommands();
    if (isClosed_) return false;
  } while (at < ready_.size());
  return true;
}

void Reactor::serveReady(Connection& connection) {
  connection.isReady = false;
  if (connection.phase == Phase::closing && !connection.isVirtual) {
    discardInput(connection);
    return;
  }
  if (connection.phase != Phase::open) return;
  if (!connection.takesInput()) {
    if (!connection.isHungUp) return;
    bool isRefused = connection.isFaulted || (connection.isGated && connection.isGateShut);
    if (isRefused || !connection.isPaused) {
      endOfInput(connection, -1, ECONNRESET);  // Nobody will read what is left, or answer it.
      return;
    }
    if (connection.isHeld) {
      output_.markDirty(connection);  // Held bytes wait for `resumeReading`; meanwhile it is not watched.
      return;
    }
  }
  if (connection.isHeld || connection.isVirtual) {
    cutCarry(connection);
  } else if (connection.need > longFrameBytes) {
    readLongFrame(connection);
  } else {
    readSocket(connection);
  }
}

// What is left of the frame before, then what the socket has: contiguous in the arena.
void Reactor::readSocket(Connection& connection) {
  uint32_t from = arenaFill_;
  uint32_t carried = connection.carry.length;
  uint32_t most = connection.isGated ? unadmittedReadBytes : readBytesMax;
  if (carried > 0) std::memcpy(memory_.arena + from, connection.carry.front(), carried);
  ssize_t received = ::recv(connection.fd, memory_.arena + from + carried, most, MSG_DONTWAIT);
  memory_.counters[COUNTER_READS] += 1;
  if (received <= 0) {
    endOfInput(connection, received, errno);
    return;
  }
  connection.carry.release();
  memory_.counters[COUNTER_BYTES_IN] += static_cast<double>(received);
  memory_.activity[connection.id] = tick_;
  cutFresh(connection, from, from + carried + static_cast<uint32_t>(received));
}

void Reactor::cutFresh(Connection& connection, uint32_t from, uint32_t end) {
  uint32_t stopped = cutter_.cut(connection, from, end, batch_);
  arenaFill_ = stopped;
  if (!connection.isFaulted && stopped < end) connection.carry.append(memory_.arena + stopped, end - stopped);
  if (connection.isHeld && connection.takesInput()) markReady(connection);
  if (!connection.takesInput()) output_.markDirty(connection);  // Gate or fault: reading stops at the end of the turn.
}

// A long frame grows in the carry as it arrives and is copied to the arena once.
void Reactor::readLongFrame(Connection& connection) {
  Buffer& carry = connection.carry;
  if (carry.room() == 0) {
    uint32_t missing = connection.need - carry.length;
    uint32_t more = carry.length > longFrameBytes ? carry.length : longFrameBytes;
    carry.reserve(missing < more ? missing : more);
  }
  uint32_t missing = connection.need - carry.length;
  ssize_t received = ::recv(connection.fd, carry.end(), missing < carry.room() ? missing : carry.room(), MSG_DONTWAIT);
  memory_.counters[COUNTER_READS] += 1;
  if (received <= 0) {
    endOfInput(connection, received, errno);
    return;
  }
  memory_.counters[COUNTER_BYTES_IN] += static_cast<double>(received);
  memory_.activity[connection.id] = tick_;
  carry.length += static_cast<uint32_t>(received);
  if (carry.length == connection.need) cutCarry(connection);
}

// Held bytes, a complete long frame, or what was pushed into a virtual connection.
void Reactor::cutCarry(Connection& connection) {
  Buffer& carry = connection.carry;
  connection.isHeld = false;
  if (carry.length > 0 && carry.length >= connection.need) {
    uint32_t most = connection.need > readBytesMax ? connection.need : readBytesMax;
    uint32_t length = carry.length < most ? carry.length : most;
    uint32_t from = arenaFill_;
    std::memcpy(memory_.arena + from, carry.front(), length);
    uint32_t stopped = cutter_.cut(connection, from, from + length, batch_);
    arenaFill_ = stopped;
    if (connection.isFaulted) {
      carry.release();
    } else {
      carry.consume(stopped - from);
      // More was there than fitted in the arena's share.
      if (carry.length > from + length - stopped && carry.length >= connection.need) connection.isHeld = true;
    }
  }
  if (connection.isHeld && connection.takesInput()) markReady(connection);
  if (!connection.takesInput()) output_.markDirty(connection);
  // Also where more of a long frame is missing than its pusher has been let in with.
  bool wantsMore = connection.carry.length <= pushBytesMax / 2 || connection.carry.length < connection.need;
  if (connection.isVirtual && connection.isThrottled && wantsMore) {
    connection.isThrottled = false;
    notices_.push_back(Notice{VIRTUAL_READABLE, connection.id});
  }
  if (connection.isAtEnd && (!connection.isHeld || connection.isFaulted)) closeNow(connection, connection.endReason, 0);
}

void Reactor::endOfInput(Connection& connection, ssize_t received, int error) {
  if (received == 0) {
    closeNow(connection, CLOSE_BY_PEER, 0);
  } else if (!isTransient(error)) {
    closeNow(connection, error == ECONNRESET || error == EPIPE ? CLOSE_BY_PEER : CLOSE_ERROR, error);
  }
}

// While closing: MSG_TRUNC throws input away inside the kernel.
void Reactor::discardInput(Connection& connection) {
  ssize_t received = ::recv(connection.fd, nullptr, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
  if (received > 0 || (received < 0 && isTransient(errno))) return;
  if (received < 0) {
    closeNow(connection, CLOSE_BY_US, 0);
    return;
  }
  connection.isAtEnd = true;
  advanceClosing(connection);
}

void Reactor::markReady(Connection& connection) {
  if (!connection.isReady) {
    connection.isReady = true;
    later_.push_back(&connection);
  }
  if (!isInTurn_) scheduleSoon();
}

void Reactor::emit(int32_t kind, const Connection& connection, int32_t offset, int32_t number, int32_t extra) {
  events_.push_back(Row{{kind, static_cast<int32_t>(connection.id), offset, 0, 0, number, 0, extra}});
  if (!isInTurn_) scheduleSoon();
}

// A turn in the next iteration of the loop, without a system call.
void Reactor::scheduleSoon() {
  if (isSoon_ || !isStarted_ || isClosed_) return;
  isSoon_ = true;
  uv_idle_start(idle_, [](uv_handle_s* handle) {
    Reactor* reactor = static_cast<Reactor*>(LoopHandles::ownerOf(handle));
    reactor->isSoon_ = false;
    uv_idle_stop(handle);
    reactor->turn();
  });
}

}  // namespace robust
