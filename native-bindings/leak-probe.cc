// A module that leaks on purpose, and counts what is allocated: how `sanitize.mjs` knows that its leak check is awake.
#include <node_api.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

extern "C" size_t __sanitizer_get_current_allocated_bytes();

namespace {

constexpr size_t blocks = 8;  // An address that stays in a register or on a stack hides its block; not all of them will.
constexpr size_t blockBytes = 4321;

__attribute__((noinline)) void* lose() {
  void* block = std::malloc(blockBytes);
  std::memset(block, 1, blockBytes);
  return nullptr;
}

napi_value leak(napi_env, napi_callback_info) {
  for (size_t at = 0; at < blocks; at++) lose();
  return nullptr;
}

napi_value allocatedBytes(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(__sanitizer_get_current_allocated_bytes()), &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  napi_create_function(env, "leak", NAPI_AUTO_LENGTH, leak, nullptr, &function);
  napi_set_named_property(env, exports, "leak", function);
  napi_create_function(env, "allocatedBytes", NAPI_AUTO_LENGTH, allocatedBytes, nullptr, &function);
  napi_set_named_property(env, exports, "allocatedBytes", function);
  return exports;
}
