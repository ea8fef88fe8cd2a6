// The module: two classes, three functions and the table of shared numbers.
#include <node_api.h>
#include <sys/resource.h>
#include <unistd.h>

#include "acceptor-binding.h"
#include "arguments.h"
#include "bus-error.h"
#include "crc32c.h"
#include "layout.h"
#include "reactor-binding.h"

namespace robust {

namespace {

using Checksum = uint32_t (*)(const uint8_t*, size_t, uint32_t);

template <Checksum checksum>
napi_value checksumOf(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t length = 0;
  const uint8_t* bytes = arguments.array<const uint8_t>(0, napi_uint8_array, length);
  uint32_t seed = static_cast<uint32_t>(arguments.integer(1, 0, UINT32_MAX));
  return arguments.isGood() ? toNumber(env, checksum(bytes, length, seed)) : nullptr;
}

// The soft limit of open descriptors is set to the hard one; returns it.
napi_value raiseDescriptorLimit(napi_env env, napi_callback_info) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return toNumber(env, 0);
  rlimit raised = limit;
  raised.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return toNumber(env, static_cast<double>(limit.rlim_cur));
}

// For descriptors that were accepted and cannot be delivered.
napi_value closeDescriptor(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int fd = static_cast<int>(arguments.integer(0, 3, INT32_MAX));
  if (arguments.isGood()) ::close(fd);
  return nullptr;
}

napi_value layoutTable(napi_env env) {
  napi_value table = nullptr;
  if (napi_create_object(env, &table) != napi_ok) return nullptr;
#define X(name, value) napi_set_named_property(env, table, #name, toNumber(env, value));
  ROBUST_LAYOUT(X)
#undef X
  return table;
}

void defineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) == napi_ok) napi_set_named_property(env, exports, name, function);
}

}  // namespace

}  // namespace robust

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_set_named_property(env, exports, "Reactor", robust::defineReactor(env));
  napi_set_named_property(env, exports, "Acceptor", robust::defineAcceptor(env));
  napi_set_named_property(env, exports, "layout", robust::layoutTable(env));
  robust::explainBusErrors();
  robust::defineFunction(env, exports, "crc32c", robust::checksumOf<robust::crc32c>);
  robust::defineFunction(env, exports, "crc32cByTable", robust::checksumOf<robust::crc32cByTable>);
  robust::defineFunction(env, exports, "raiseDescriptorLimit", robust::raiseDescriptorLimit);
  robust::defineFunction(env, exports, "closeDescriptor", robust::closeDescriptor);
  return exports;
}

extern "C" __attribute__((visibility("default"))) int32_t node_api_module_get_api_version_v1() { return NAPI_VERSION; }
