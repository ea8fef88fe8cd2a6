// A native object that JS holds and that keeps handles open on the loop. It ends when three things have happened: it was
// closed (by JS, or by the end of its thread), the loop let go of its handles, and JS lost it.
#pragma once

#include <node_api.h>

#include <vector>

#include "arguments.h"

namespace robust {

class Owned {
 public:
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  // Idempotent.
  void close();

 protected:
  explicit Owned(napi_env env) : env_(env) {}
  virtual ~Owned() = default;

  // Ties this to the JS object that is being constructed. On false the caller deletes this.
  bool bind(napi_value self, const napi_type_tag& tag);
  // The thread is alive and JS may be called.
  napi_env env() const { return env_; }
  bool isClosing() const { return isClosing_; }
  // Keeps JS values alive until the handles are closed.
  bool keep(napi_value value);

  // Closes what must not outlive the thread; calls `onReleased` when the loop has let go.
  virtual void closeHandles() = 0;
  void onReleased();

  // Calls JS from the loop. Null if it threw: that is then the thread's uncaught exception.
  napi_value call(napi_ref callback, size_t count, const napi_value* values);

 private:
  void maybeDelete();

  napi_env env_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::vector<napi_ref> kept_;
  bool isClosing_ = false;
  bool isReleased_ = false;
  bool isLost_ = false;
};

// Opens a scope for calls from the loop.
class Scope {
 public:
  explicit Scope(napi_env env) : env_(env) { napi_open_handle_scope(env, &scope_); }
  ~Scope() { napi_close_handle_scope(env_, scope_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

}  // namespace robust
