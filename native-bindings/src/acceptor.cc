#include "acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "layout.h"

namespace robust {

Acceptor::Acceptor(AcceptorHost& host, uv_loop_s* loop, int32_t* descriptors, double* counters)
    : host_(host), handles_(loop), descriptors_(descriptors), counters_(counters) {}

Acceptor::~Acceptor() {
  for (Listener* listener : listeners_) delete listener;
}

int Acceptor::open() {
  timer_ = handles_.addTimer(this);
  return timer_ == nullptr ? EINVAL : 0;
}

int32_t Acceptor::listen(const char* address, bool isV6, uint16_t& port, int32_t tag) {
  int fd = ::socket(isV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int one = 1;
  // Restart while old connections linger; never SO_REUSEPORT, with which two brokers would share the port unnoticed.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } name;
  std::memset(&name, 0, sizeof name);
  socklen_t length = isV6 ? sizeof name.v6 : sizeof name.v4;
  bool isAddress;
  if (isV6) {
    name.v6.sin6_family = AF_INET6;
    name.v6.sin6_port = htons(port);
    isAddress = inet_pton(AF_INET6, address, &name.v6.sin6_addr) == 1;
  } else {
    name.v4.sin_family = AF_INET;
    name.v4.sin_port = htons(port);
    isAddress = inet_pton(AF_INET, address, &name.v4.sin_addr) == 1;
  }
  int error = 0;
  if (!isAddress) {
    error = EINVAL;
  } else if (::bind(fd, &name.any, length) != 0 || ::listen(fd, backlog) != 0 || getsockname(fd, &name.any, &length) != 0) {
    error = errno;
  }
  if (error != 0) {
    ::close(fd);
    return -error;
  }
  port = ntohs(isV6 ? name.v6.sin6_port : name.v4.sin_port);
  return add(fd, tag);
}

int32_t Acceptor::listenUnix(const char* path, uint32_t mode, int32_t tag) {
  sockaddr_un name;
  std::memset(&name, 0, sizeof name);
  name.sun_family = AF_UNIX;
  size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof name.sun_path) return -ENAMETOOLONG;
  std::memcpy(name.sun_path, path, length);
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int error = ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ? errno : 0;
  if (error == 0 && (::chmod(path, mode) != 0 || ::listen(fd, backlog) != 0)) {  // Nobody connects before it listens.
    error = errno;
    ::unlink(path);
  }
  if (error != 0) {
    ::close(fd);
    return -error;
  }
  return add(fd, tag);
}

int32_t Acceptor::add(int fd, int32_t tag) {
  Listener* listener = new Listener{this, fd, tag, nullptr, false};
  listener->poll = handles_.addPoll(fd, listener);
  if (listener->poll == nullptr) {
    ::close(fd);
    delete listener;
    return -EINVAL;
  }
  listeners_.push_back(listener);
  watch(*listener);
  return static_cast<int32_t>(listeners_.size() - 1);
}

void Acceptor::watch(Listener& listener) {
  listener.isWaiting = false;
  uv_poll_start(listener.poll, uvReadable, [](uv_handle_s* handle, int, int) {
    Listener* ready = static_cast<Listener*>(LoopHandles::ownerOf(handle));
    ready->acceptor->accept(*ready);
  });
}

void Acceptor::accept(Listener& listener) {
  uint32_t count = 0;
  while (count < batchMax) {
    int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      descriptors_[count++] = fd;
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;  // That client has gone again.
    counters_[COUNTER_ACCEPT_ERRORS] += 1;
    // EMFILE, ENFILE, ENOMEM: the socket stays readable, so watching it would spin. Clients wait in the backlog.
    uv_poll_stop(listener.poll);
    listener.isWaiting = true;
    uv_timer_start(timer_, [](uv_handle_s* handle) { static_cast<Acceptor*>(LoopHandles::ownerOf(handle))->retry(); }, retryMs, 0);
    break;
  }
  if (count > 0) host_.onAccepted(listener.tag, count);
}

void Acceptor::retry() {
  for (Listener* listener : listeners_) {
    if (listener->fd >= 0 && listener->isWaiting) watch(*listener);
  }
}

void Acceptor::closeListener(int32_t number) {
  if (number < 0 || static_cast<size_t>(number) >= listeners_.size()) return;
  Listener& listener = *listeners_[static_cast<size_t>(number)];
  if (listener.fd < 0) return;
  uv_poll_stop(listener.poll);
  handles_.closeOne(listener.poll);
  ::close(listener.fd);
  listener.fd = -1;
}

void Acceptor::close(std::function<void()> onReleased) {
  if (isClosed_) return;
  isClosed_ = true;
  for (size_t at = 0; at < listeners_.size(); at++) closeListener(static_cast<int32_t>(at));
  handles_.close(std::move(onReleased));
}

}  // namespace robust
