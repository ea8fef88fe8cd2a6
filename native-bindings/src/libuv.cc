#include "libuv.h"

#include <cstdlib>

namespace robust {

namespace {

// enum uv_handle_type of libuv 1.
constexpr int handleIdle = 6;
constexpr int handlePoll = 8;
constexpr int handleTimer = 13;

}  // namespace

struct LoopHandles::Slot {
  LoopHandles* handles;
  void* owner;
  uv_handle_s* handle;
  bool isClosing;
};

LoopHandles::~LoopHandles() {
  if (!slots_.empty()) abort();  // The loop would call back into freed memory.
}

uv_handle_s* LoopHandles::add(int type, void* owner, int fd) {
  uv_handle_s* handle = static_cast<uv_handle_s*>(std::calloc(1, uv_handle_size(type)));
  if (handle == nullptr) abort();
  int status = type == handlePoll ? uv_poll_init(loop_, handle, fd) : type == handleIdle ? uv_idle_init(loop_, handle) : uv_timer_init(loop_, handle);
  if (status != 0) {
    std::free(handle);
    return nullptr;
  }
  Slot* slot = new Slot{this, owner, handle, false};
  uv_handle_set_data(handle, slot);
  slots_.push_back(slot);
  return handle;
}

uv_handle_s* LoopHandles::addPoll(int fd, void* owner) { return add(handlePoll, owner, fd); }
uv_handle_s* LoopHandles::addIdle(void* owner) { return add(handleIdle, owner, -1); }
uv_handle_s* LoopHandles::addTimer(void* owner) { return add(handleTimer, owner, -1); }

void* LoopHandles::ownerOf(uv_handle_s* handle) { return static_cast<Slot*>(uv_handle_get_data(handle))->owner; }

void LoopHandles::onHandleClosed(uv_handle_s* handle) {
  Slot* slot = static_cast<Slot*>(uv_handle_get_data(handle));
  LoopHandles* handles = slot->handles;
  for (size_t at = 0; at < handles->slots_.size(); at++) {
    if (handles->slots_[at] != slot) continue;
    handles->slots_.erase(handles->slots_.begin() + static_cast<std::ptrdiff_t>(at));
    break;
  }
  delete slot;
  std::free(handle);
  if (!handles->isClosing_ || !handles->slots_.empty()) return;
  std::function<void()> onClosed = std::move(handles->onClosed_);
  if (onClosed) onClosed();  // May delete `handles`.
}

void LoopHandles::closeOne(uv_handle_s* handle) {
  Slot* slot = static_cast<Slot*>(uv_handle_get_data(handle));
  if (slot->isClosing) return;
  slot->isClosing = true;
  uv_close(handle, onHandleClosed);
}

void LoopHandles::close(std::function<void()> onClosed) {
  if (isClosing_) return;
  isClosing_ = true;
  if (slots_.empty()) {
    onClosed();
    return;
  }
  onClosed_ = std::move(onClosed);
  for (Slot* slot : slots_) closeOne(slot->handle);
}

}  // namespace robust
