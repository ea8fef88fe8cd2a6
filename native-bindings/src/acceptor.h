// Listening sockets of the main thread: accepts in batches and hands the descriptors out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libuv.h"

namespace robust {

class AcceptorHost {
 public:
  virtual ~AcceptorHost() = default;
  // Whoever is called owns the descriptors.
  virtual void onAccepted(int32_t tag, uint32_t count) = 0;
};

class Acceptor {
 public:
  static constexpr uint32_t batchMax = 256;

  // `descriptors` has room for `batchMax`, shared with JS.
  Acceptor(AcceptorHost& host, uv_loop_s* loop, int32_t* descriptors, double* counters);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  int open();
  // A number below `listenersMax`, or -errno. `port` 0 is replaced by the one the kernel chose.
  int32_t listen(const char* address, bool isV6, uint16_t& port, int32_t tag);
  // On a unix socket that is not there yet; `mode` as of chmod. Likewise.
  int32_t listenUnix(const char* path, uint32_t mode, int32_t tag);
  void closeListener(int32_t listener);
  // Descriptors were freed: try again now.
  void retry();
  void close(std::function<void()> onReleased);
  bool isClosed() const { return isClosed_; }

 private:
  static constexpr int backlog = 4096;
  static constexpr uint64_t retryMs = 100;

  struct Listener {
    Acceptor* acceptor;
    int fd;
    int32_t tag;
    uv_handle_s* poll;
    bool isWaiting;  // Out of descriptors: not watched until the retry.
  };

  // Takes a descriptor that listens.
  int32_t add(int fd, int32_t tag);
  void watch(Listener& listener);
  void accept(Listener& listener);

  AcceptorHost& host_;
  LoopHandles handles_;
  uv_handle_s* timer_ = nullptr;
  int32_t* descriptors_;
  double* counters_;
  std::vector<Listener*> listeners_;
  bool isClosed_ = false;
};

}  // namespace robust
