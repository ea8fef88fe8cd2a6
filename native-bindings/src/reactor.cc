#include "reactor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace robust {

namespace {


uint64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

uint32_t epollEvents(uint8_t wanted) { return ((wanted & watchRead) != 0 ? EPOLLIN : 0u) | ((wanted & watchWrite) != 0 ? EPOLLOUT : 0u); }

bool socketAddress(const char* address, bool isV6, uint16_t port, sockaddr_storage& storage, socklen_t& length) {
  std::memset(&storage, 0, sizeof storage);
  if (isV6) {
    sockaddr_in6* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    length = sizeof *v6;
    return inet_pton(AF_INET6, address, &v6->sin6_addr) == 1;
  }
  sockaddr_in* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  length = sizeof *v4;
  return inet_pton(AF_INET, address, &v4->sin_addr) == 1;
}

}  // namespace

Reactor::Reactor(const ReactorMemory& memory, ReactorHost& host, uv_loop_s* loop, uint64_t topicSeed)
    : memory_(memory),
      host_(host),
      handles_(loop),
      startedNs_(nowNs()),
      connections_(memory.connectionsMax),
      topics_(memory.topicsMax, memory.generations, topicSeed),
      cutter_(memory.arena, topics_, memory.counters),
      output_(memory.counters),
      batch_{memory.rows, memory.rowsMax} {
  spaces_.push_back(Space{memory.arena, memory.arenaBytes});
  spaces_.push_back(Space{memory.scratch, memory.scratchBytes});
}

Reactor::~Reactor() {
  if (epoll_ >= 0) ::close(epoll_);
}

int Reactor::open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return errno;
  poll_ = handles_.addPoll(epoll_, this);
  idle_ = handles_.addIdle(this);
  timer_ = handles_.addTimer(this);
  return poll_ == nullptr || idle_ == nullptr || timer_ == nullptr ? EINVAL : 0;
}

int Reactor::start() {
  isStarted_ = true;
  int status = uv_poll_start(poll_, uvReadable, [](uv_handle_s* handle, int, int) { static_cast<Reactor*>(LoopHandles::ownerOf(handle))->turn(); });
  if (!later_.empty() || !events_.empty()) scheduleSoon();
  return status == 0 ? 0 : EINVAL;
}

// A shard that dies must not leak descriptors: they belong to the process, not to its thread.
void Reactor::close(std::function<void()> onReleased) {
  if (isClosed_) return;
  isClosed_ = true;
  for (uint32_t id = 0; id < connections_.size(); id++) {
    Connection& connection = *connections_.find(id);
    if (connection.fd >= 0) ::close(connection.fd);
    connection.fd = -1;
    connection.phase = Phase::free;
    connection.carry.release();
    connection.pending.release();
  }
  if (poll_ != nullptr) uv_poll_stop(poll_);
  ::close(epoll_);
  epoll_ = -1;
  handles_.close(std::move(onReleased));
}

int32_t Reactor::tick() const { return static_cast<int32_t>((nowNs() - startedNs_) / 100'000'000); }

int64_t Reactor::adopt(int fd, const ConnectionOptions& options) {
  Connection* connection = connections_.take(options);
  if (connection == nullptr) {
    ::close(fd);
    return -1;
  }
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connection->fd = fd;
  memory_.activity[connection->id] = tick();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = connection->id;
  connection->armed = watchRead;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) closeNow(*connection, CLOSE_ERROR, errno);
  return connection->id;
}

int64_t Reactor::connect(const char* address, bool isV6, uint16_t port, const char* localAddress, const ConnectionOptions& options) {
  ConnectionOptions speaksFirst = options;
  speaksFirst.gated = false;
  Connection* connection = connections_.take(speaksFirst);
  if (connection == nullptr) return -1;
  connection->phase = Phase::connecting;
  memory_.activity[connection->id] = tick();
  sockaddr_storage to;
  sockaddr_storage from;
  socklen_t toLength = 0;
  socklen_t fromLength = 0;
  int error = 0;
  int one = 1;
  int fd = ::socket(isV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    error = errno;
  } else if (!socketAddress(address, isV6, port, to, toLength) || (localAddress[0] != 0 && !socketAddress(localAddress, isV6, 0, from, fromLength))) {
    error = EINVAL;
  } else {
    connection->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // Leaves the choice of the port to connect(), which knows the peer: more than 64k connections per address.
    if (fromLength > 0) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    epoll_event event{};
    event.events = EPOLLOUT;
    event.data.u32 = connection->id;
    connection->armed = watchWrite;
    if (fromLength > 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&from), fromLength) != 0) {
      error = errno;
    } else if (::connect(fd, reinterpret_cast<sockaddr*>(&to), toLength) != 0 && errno != EINPROGRESS) {
      error = errno;
    } else if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      error = errno;
    }
  }
  if (error != 0) {
    emit(EVENT_CONNECTED, *connection, 0, error, 0);
    closeNow(*connection, CLOSE_ERROR, error);
  }
  return connection->id;
}

void Reactor::finishConnect(Connection& connection) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  emit(EVENT_CONNECTED, connection, 0, error, 0);
  if (error != 0) {
    closeNow(connection, CLOSE_ERROR, error);
    return;
  }
  connection.phase = Phase::open;
  memory_.activity[connection.id] = tick_;
  output_.flushPending(connection);
  finishConnection(connection);
}

void Reactor::admit(Connection& connection, uint8_t version, uint32_t frameBytesMax) {
  if (!connection.isLive()) return;
  connection.version = version;
  connection.frameBytesMax = frameBytesMax;
  connection.isGated = false;
  if (connection.isHeld) markReady(connection);
  output_.markDirty(connection);
}

void Reactor::setPaused(Connection& connection, bool paused) {
  if (!connection.isLive() || connection.isPaused == paused) return;
  connection.isPaused = paused;
  if (!paused && connection.isHeld) markReady(connection);
  output_.markDirty(connection);
}

void Reactor::beginClose(Connection& connection, uint32_t lingerMs) {
  if (!connection.isLive()) return;
  bool isConnecting = connection.phase == Phase::connecting;
  connection.phase = Phase::closing;
  connection.lingerMs = isConnecting ? 0 : lingerMs;
  connection.carry.release();
  connection.isHeld = false;
  output_.markDirty(connection);
}

// What epoll shall report. Called at the end of a turn, so a pause that ends in the same turn costs nothing.
void Reactor::watch(Connection& connection, uint8_t wanted) {
  if (connection.armed == wanted) return;
  epoll_event event{};
  event.events = epollEvents(wanted);
  event.data.u32 = connection.id;
  epoll_ctl(epoll_, connection.armed == watchNothing ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection.fd, &event);
  connection.armed = wanted;
}

// epoll reports a hang-up whatever it is asked for: a connection that cannot be served now would spin the loop.
void Reactor::unwatch(Connection& connection) {
  if (connection.armed == watchNothing) return;
  epoll_event event{};
  epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd, &event);
  connection.armed = watchNothing;
}

// End of the turn for a connection with output or a changed state.
void Reactor::finishConnection(Connection& connection) {
  connection.isDirty = false;
  if (connection.phase == Phase::closed || connection.phase == Phase::free) {
    output_.dropSegments(connection);
    return;
  }
  output_.flush(connection);
  if (connection.isOverBudget) {
    closeNow(connection, CLOSE_BUDGET, 0);
    return;
  }
  updateMarks(connection);
  if (connection.isVirtual) {
    if (connection.pending.length > 0 || connection.phase == Phase::closing) link(connection);
    return;
  }
  if (connection.phase == Phase::closing) {
    advanceClosing(connection);
    return;
  }
  if (connection.isHungUp && connection.isPaused && connection.isHeld) {
    unwatch(connection);
    return;
  }
  uint8_t wantsWrite = (connection.pending.length > 0 && !connection.isOutputDead) || connection.phase == Phase::connecting ? watchWrite : 0;
  watch(connection, (connection.takesInput() ? watchRead : 0) | wantsWrite);
}

void Reactor::updateMarks(Connection& connection) {
  if (!connection.isCongested) {
    if (connection.waiting <= connection.highMarkBytes) return;
    connection.isCongested = true;
    emit(EVENT_CONGESTED, connection, static_cast<int32_t>(connection.waiting), 0, 0);
  } else if (connection.waiting < connection.lowMarkBytes || connection.waiting == 0) {
    connection.isCongested = false;
    emit(EVENT_RELIEVED, connection, static_cast<int32_t>(connection.waiting), 0, 0);
  }
}

/*
  closing:  flush --> shutdown(SHUT_WR) --> discard input until the peer closes --> close
  Closing with unread input would send a reset, which destroys the last bytes on their way to the peer.
*/
void Reactor::advanceClosing(Connection& connection) {
  if (connection.lingerMs == 0 || connection.isOutputDead) {
    closeNow(connection, CLOSE_BY_US, 0);
    return;
  }
  if (connection.pending.length == 0) {
    if (connection.isAtEnd) {
      closeNow(connection, CLOSE_BY_US, 0);
      return;
    }
    if (!connection.isShutDown) {
      connection.isShutDown = true;
      ::shutdown(connection.fd, SHUT_WR);
    }
  }
  if (connection.lingerUntilMs == 0) startLinger(connection);
  watch(connection, (connection.isAtEnd ? 0 : watchRead) | (connection.pending.length > 0 ? watchWrite : 0));
}

void Reactor::startLinger(Connection& connection) {
  connection.lingerUntilMs = nowNs() / 1'000'000 + connection.lingerMs;
  lingering_.push_back(connection.id);
  onLingerTimer();
}

// Closes those whose time is over and sets the timer for the next.
void Reactor::onLingerTimer() {
  uint64_t nowMs = nowNs() / 1'000'000;
  uint64_t next = UINT64_MAX;
  size_t kept = 0;
  for (size_t at = 0; at < lingering_.size(); at++) {
    Connection& connection = *connections_.find(lingering_[at]);
    if (connection.phase != Phase::closing || connection.lingerUntilMs == 0) continue;
    if (connection.lingerUntilMs <= nowMs) {
      closeNow(connection, CLOSE_BY_US, 0);
      continue;
    }
    if (connection.lingerUntilMs < next) next = connection.lingerUntilMs;
    lingering_[kept++] = lingering_[at];
  }
  lingering_.resize(kept);
  if (kept == 0) {
    uv_timer_stop(timer_);
    return;
  }
  uv_timer_start(timer_, [](uv_handle_s* handle) { static_cast<Reactor*>(LoopHandles::ownerOf(handle))->onLingerTimer(); }, next - nowMs, 0);
}

void Reactor::closeNow(Connection& connection, int32_t reason, int32_t error) {
  if (connection.phase == Phase::closed || connection.phase == Phase::free) return;
  connection.phase = Phase::closed;
  if (connection.fd >= 0) ::close(connection.fd);
  connection.fd = -1;
  connection.armed = 0;
  connection.carry.release();
  connection.pending.release();
  connection.isHeld = false;
  output_.subtractWaiting(connection, connection.waiting);
  if (connection.isVirtual && !connection.isAtEnd) notices_.push_back(Notice{VIRTUAL_CLOSE, connection.id});
  emit(EVENT_CLOSED, connection, 0, reason, error);
}

void Reactor::flushAll() {
  std::vector<Connection*>& dirty = output_.dirty();
  for (size_t at = 0; at < dirty.size(); at++) finishConnection(*dirty[at]);
  dirty.clear();
  output_.resetSegments();
}

void Reactor::finishCommands() {
  flushAll();
  output_.resetTurn();
  deliverVirtual();
}

}  // namespace robust
