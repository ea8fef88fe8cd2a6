// Acceptor as a JS class.
#include "acceptor-binding.h"

#include <cstring>

#include "acceptor.h"
#include "layout.h"
#include "owned.h"

namespace robust {

namespace {

constexpr napi_type_tag acceptorTag = {0x3b8f6d0e91c24a75ull, 0xc4d1208e6f3b5a97ull};

class AcceptorBinding final : public Owned, public AcceptorHost {
 public:
  static napi_value construct(napi_env env, napi_callback_info info);
  static AcceptorBinding* of(Arguments& arguments);
  Acceptor& acceptor() { return *acceptor_; }

  void onAccepted(int32_t tag, uint32_t count) override {
    Scope scope(env());
    napi_value values[2] = {toNumber(env(), tag), toNumber(env(), count)};
    call(callback_, 2, values);
  }

 private:
  explicit AcceptorBinding(napi_env env) : Owned(env) {}
  ~AcceptorBinding() override { delete acceptor_; }
  void closeHandles() override {
    acceptor_->close([this] {
      if (callback_ != nullptr) napi_delete_reference(env(), callback_);
      onReleased();
    });
  }

  Acceptor* acceptor_ = nullptr;
  napi_ref callback_ = nullptr;
};

// (descriptors: Int32Array, counters: Float64Array, onAccepted: (tag, count) => void)
napi_value AcceptorBinding::construct(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t room = 0;
  size_t cells = 0;
  int32_t* descriptors = arguments.array<int32_t>(0, napi_int32_array, room);
  double* counters = arguments.array<double>(1, napi_float64_array, cells);
  arguments.require(room >= Acceptor::batchMax && cells >= COUNTERS_COUNT, "a shared array is too short");
  napi_valuetype type = napi_undefined;
  arguments.require(arguments.has(2) && napi_typeof(env, arguments.value(2), &type) == napi_ok && type == napi_function, "the callback is not a function");
  if (!arguments.isGood()) return nullptr;
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    napi_throw_error(env, nullptr, "the event loop of this thread is not reachable");
    return nullptr;
  }
  AcceptorBinding* binding = new AcceptorBinding(env);
  binding->acceptor_ = new Acceptor(*binding, loop, descriptors, counters);
  if (!binding->bind(arguments.self(), acceptorTag)) {
    delete binding;
    napi_throw_error(env, nullptr, "the acceptor cannot be bound");
    return nullptr;
  }
  binding->keep(arguments.value(0));
  binding->keep(arguments.value(1));
  napi_create_reference(env, arguments.value(2), 1, &binding->callback_);
  int error = binding->acceptor_->open();
  if (error == 0) return arguments.self();
  binding->close();
  napi_throw_error(env, nullptr, std::strerror(error));
  return nullptr;
}

AcceptorBinding* AcceptorBinding::of(Arguments& arguments) {
  bool isOne = false;
  void* found = nullptr;
  napi_env env = arguments.env();
  if (napi_check_object_type_tag(env, arguments.self(), &acceptorTag, &isOne) != napi_ok || !isOne || napi_unwrap(env, arguments.self(), &found) != napi_ok) {
    arguments.require(false, "this is not an Acceptor");
    return nullptr;
  }
  AcceptorBinding* binding = static_cast<AcceptorBinding*>(static_cast<Owned*>(found));
  return binding->isClosing() ? nullptr : binding;
}

// (address, isV6, port, tag) => [listener or -errno, port]
napi_value listen(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  AcceptorBinding* binding = AcceptorBinding::of(arguments);
  if (binding == nullptr) return nullptr;
  std::string address = arguments.text(0);
  bool isV6 = arguments.boolean(1);
  uint16_t port = static_cast<uint16_t>(arguments.integer(2, 0, 65535));
  int32_t tag = static_cast<int32_t>(arguments.integer(3, INT32_MIN, INT32_MAX));
  if (!arguments.isGood()) return nullptr;
  int32_t listener = binding->acceptor().listen(address.c_str(), isV6, port, tag);
  napi_value pair = nullptr;
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, toNumber(env, listener));
  napi_set_element(env, pair, 1, toNumber(env, port));
  return pair;
}

// (path, mode, tag) => listener or -errno
napi_value listenUnix(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  AcceptorBinding* binding = AcceptorBinding::of(arguments);
  if (binding == nullptr) return nullptr;
  std::string path = arguments.text(0);
  uint32_t mode = static_cast<uint32_t>(arguments.integer(1, 0, 0777));
  int32_t tag = static_cast<int32_t>(arguments.integer(2, INT32_MIN, INT32_MAX));
  if (!arguments.isGood()) return nullptr;
  return toNumber(env, binding->acceptor().listenUnix(path.c_str(), mode, tag));
}

napi_value closeListener(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  AcceptorBinding* binding = AcceptorBinding::of(arguments);
  if (binding == nullptr) return nullptr;
  int32_t listener = static_cast<int32_t>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.isGood()) binding->acceptor().closeListener(listener);
  return nullptr;
}

napi_value retry(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  AcceptorBinding* binding = AcceptorBinding::of(arguments);
  if (binding != nullptr) binding->acceptor().retry();
  return nullptr;
}

napi_value close(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  AcceptorBinding* binding = AcceptorBinding::of(arguments);
  if (binding != nullptr) binding->close();
  return nullptr;
}

}  // namespace

napi_value defineAcceptor(napi_env env) {
  const napi_property_descriptor properties[] = {
      {"listen", nullptr, listen, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"listenUnix", nullptr, listenUnix, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"closeListener", nullptr, closeListener, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"retry", nullptr, retry, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"close", nullptr, close, nullptr, nullptr, nullptr, napi_default_method, nullptr},
  };
  napi_value constructor = nullptr;
  napi_define_class(env, "Acceptor", NAPI_AUTO_LENGTH, AcceptorBinding::construct, nullptr, sizeof properties / sizeof properties[0], properties, &constructor);
  return constructor;
}

}  // namespace robust
