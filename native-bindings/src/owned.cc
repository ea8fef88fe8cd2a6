#include "owned.h"

namespace robust {

bool Owned::bind(napi_value self, const napi_type_tag& tag) {
  if (napi_type_tag_object(env_, self, &tag) != napi_ok) return false;
  auto onLost = [](napi_env, void* data, void*) {
    Owned* owned = static_cast<Owned*>(data);
    owned->isLost_ = true;
    owned->close();
    owned->maybeDelete();
  };
  if (napi_wrap(env_, self, this, onLost, nullptr, nullptr) != napi_ok) return false;
  keep(self);  // Open handles keep it alive, whoever forgets it.
  auto onThreadEnd = [](napi_async_cleanup_hook_handle, void* data) { static_cast<Owned*>(data)->close(); };
  if (napi_add_async_cleanup_hook(env_, onThreadEnd, this, &hook_) == napi_ok) return true;
  void* wrapped = nullptr;
  napi_remove_wrap(env_, self, &wrapped);
  for (napi_ref reference : kept_) napi_delete_reference(env_, reference);
  kept_.clear();
  return false;
}

bool Owned::keep(napi_value value) {
  napi_ref reference = nullptr;
  if (napi_create_reference(env_, value, 1, &reference) != napi_ok) return false;
  kept_.push_back(reference);
  return true;
}

void Owned::close() {
  if (isClosing_) return;
  isClosing_ = true;
  closeHandles();
}

void Owned::onReleased() {
  isReleased_ = true;
  for (napi_ref reference : kept_) napi_delete_reference(env_, reference);
  kept_.clear();
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
  hook_ = nullptr;
  maybeDelete();
}

void Owned::maybeDelete() {
  if (isReleased_ && isLost_) delete this;
}

napi_value Owned::call(napi_ref callback, size_t count, const napi_value* values) {
  napi_value function = nullptr;
  napi_value global = nullptr;
  napi_value result = nullptr;
  if (napi_get_reference_value(env_, callback, &function) != napi_ok || function == nullptr || napi_get_global(env_, &global) != napi_ok) return nullptr;
  if (napi_make_callback(env_, nullptr, global, function, count, values, &result) == napi_ok) return result;
  napi_value error = nullptr;
  bool isPending = false;
  if (napi_is_exception_pending(env_, &isPending) == napi_ok && isPending && napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
    napi_fatal_exception(env_, error);
  }
  return nullptr;
}

}  // namespace robust
