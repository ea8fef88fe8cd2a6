// The few libuv functions used here, declared by hand: node exports them to addons and their binary interface is stable
// throughout libuv 1. So the addon builds without Node's own headers, and one binary serves every Node version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

struct uv_loop_s;

extern "C" {
struct uv_handle_s;
typedef void (*robust_uv_poll_cb)(uv_handle_s* handle, int status, int events);
typedef void (*robust_uv_cb)(uv_handle_s* handle);

size_t uv_handle_size(int type);
void* uv_handle_get_data(const uv_handle_s* handle);
void uv_handle_set_data(uv_handle_s* handle, void* data);
void uv_close(uv_handle_s* handle, robust_uv_cb onClosed);
int uv_poll_init(uv_loop_s* loop, uv_handle_s* handle, int fd);
int uv_poll_start(uv_handle_s* handle, int events, robust_uv_poll_cb onReady);
int uv_poll_stop(uv_handle_s* handle);
int uv_idle_init(uv_loop_s* loop, uv_handle_s* handle);
int uv_idle_start(uv_handle_s* handle, robust_uv_cb onIdle);
int uv_idle_stop(uv_handle_s* handle);
int uv_timer_init(uv_loop_s* loop, uv_handle_s* handle);
int uv_timer_start(uv_handle_s* handle, robust_uv_cb onTimeout, uint64_t timeoutMs, uint64_t repeatMs);
int uv_timer_stop(uv_handle_s* handle);
}

namespace robust {

constexpr int uvReadable = 1;

// The handles of one owner on one loop. A loop must not end while a handle is open: that aborts the process. So `close`
// closes all of them, and `onClosed` says when the loop has let go of the last.
class LoopHandles {
 public:
  explicit LoopHandles(uv_loop_s* loop) : loop_(loop) {}
  ~LoopHandles();
  LoopHandles(const LoopHandles&) = delete;
  LoopHandles& operator=(const LoopHandles&) = delete;

  // `owner` is what `ownerOf` gives back in callbacks.
  uv_handle_s* addPoll(int fd, void* owner);
  uv_handle_s* addIdle(void* owner);
  uv_handle_s* addTimer(void* owner);
  // Closes one handle early; it is freed when the loop has let go of it.
  void closeOne(uv_handle_s* handle);
  void close(std::function<void()> onClosed);

  static void* ownerOf(uv_handle_s* handle);

 private:
  struct Slot;
  uv_handle_s* add(int type, void* owner, int fd);
  static void onHandleClosed(uv_handle_s* handle);

  uv_loop_s* loop_;
  std::vector<Slot*> slots_;
  std::function<void()> onClosed_;
  bool isClosing_ = false;
};

}  // namespace robust
