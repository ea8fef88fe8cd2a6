// Reactor as a JS class.
#include "reactor-binding.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cstdio>

#include "owned.h"
#include "reactor.h"

namespace robust {

namespace {

constexpr napi_type_tag reactorTag = {0x6f1d0b5a2c9e4d17ull, 0x9a3e7c51b8f04e62ull};

class ReactorBinding final : public Owned, public ReactorHost {
 public:
  static napi_value construct(napi_env env, napi_callback_info info);
  static ReactorBinding* of(Arguments& arguments);

  Reactor* reactor() { return reactor_; }
  // Throws in JS if `bad` is the number of a command.
  void checkCommands(int32_t bad);
  int32_t registerSpace(napi_value value, const uint8_t* bytes, uint64_t length);
  bool unregisterSpace(int32_t space);

  int32_t onTurn(uint32_t rowCount) override;
  void onVirtual(uint32_t rowCount) override;
  void onBadCommand(int32_t index) override;

 private:
  explicit ReactorBinding(napi_env env) : Owned(env) {}
  ~ReactorBinding() override { delete reactor_; }
  void closeHandles() override;

  Reactor* reactor_ = nullptr;
  const int32_t* commands_ = nullptr;
  napi_ref onTurn_ = nullptr;
  napi_ref onVirtual_ = nullptr;
  std::vector<napi_ref> spaces_;
};

template <typename T>
T* shared(Arguments& arguments, napi_value config, const char* name, napi_typedarray_type type, size_t least, uint32_t& length, std::vector<napi_value>& kept) {
  napi_value value = arguments.property(config, name);
  if (!arguments.isGood()) return nullptr;
  size_t elements = 0;
  T* data = arguments.arrayOf<T>(value, type, elements);
  arguments.require(elements >= least && elements <= INT32_MAX, "a shared array has the wrong length");
  length = static_cast<uint32_t>(elements);
  kept.push_back(value);
  return data;
}

void ReactorBinding::closeHandles() {
  for (napi_ref reference : spaces_) {
    if (reference != nullptr) napi_delete_reference(env(), reference);
  }
  spaces_.clear();
  reactor_->close([this] {
    if (onTurn_ != nullptr) napi_delete_reference(env(), onTurn_);
    if (onVirtual_ != nullptr) napi_delete_reference(env(), onVirtual_);
    onReleased();
  });
}

napi_value ReactorBinding::construct(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  napi_valuetype type = napi_undefined;
  arguments.require(arguments.has(0) && napi_typeof(env, arguments.value(0), &type) == napi_ok && type == napi_object, "a configuration object is needed");
  if (!arguments.isGood()) return nullptr;
  napi_value config = arguments.value(0);
  ReactorMemory memory{};
  std::vector<napi_value> kept;
  uint32_t length = 0;
  memory.arena = shared<uint8_t>(arguments, config, "arena", napi_uint8_array, Reactor::arenaBytesBeyondFrame + 16, memory.arenaBytes, kept);
  memory.rows = shared<int32_t>(arguments, config, "rows", napi_int32_array, 16 * ROW_INTS, memory.rowsMax, kept);
  memory.activity = shared<int32_t>(arguments, config, "activity", napi_int32_array, 1, memory.connectionsMax, kept);
  memory.counters = shared<double>(arguments, config, "counters", napi_float64_array, COUNTERS_COUNT, length, kept);
  memory.generations = shared<int32_t>(arguments, config, "generations", napi_int32_array, 2, memory.topicsMax, kept);
  memory.commands = shared<int32_t>(arguments, config, "commands", napi_int32_array, COMMAND_INTS, memory.commandsMax, kept);
  memory.scratch = shared<uint8_t>(arguments, config, "scratch", napi_uint8_array, 1024, memory.scratchBytes, kept);
  memory.window = shared<uint8_t>(arguments, config, "window", napi_uint8_array, 1024, memory.windowBytes, kept);
  memory.virtualRows = shared<int32_t>(arguments, config, "virtualRows", napi_int32_array, VIRTUAL_INTS, memory.virtualRowsMax, kept);
  memory.rowsMax /= ROW_INTS;
  memory.commandsMax /= COMMAND_INTS;
  memory.virtualRowsMax /= VIRTUAL_INTS;
  napi_value onTurn = arguments.property(config, "onTurn");
  napi_value onVirtual = arguments.property(config, "onVirtual");
  for (napi_value callback : {onTurn, onVirtual}) {
    arguments.require(callback != nullptr && napi_typeof(env, callback, &type) == napi_ok && type == napi_function, "a callback is not a function");
  }
  arguments.require(memory.topicsMax <= 1u << 24, "too many topics");
  if (!arguments.isGood()) return nullptr;

  uv_loop_s* loop = nullptr;
  uint64_t seed = 0;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok || getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    napi_throw_error(env, nullptr, "the event loop of this thread is not reachable");
    return nullptr;
  }
  ReactorBinding* binding = new ReactorBinding(env);
  binding->commands_ = memory.commands;
  binding->reactor_ = new Reactor(memory, *binding, loop, seed);
  if (!binding->bind(arguments.self(), reactorTag)) {
    delete binding;
    napi_throw_error(env, nullptr, "the reactor cannot be bound");
    return nullptr;
  }
  for (napi_value value : kept) binding->keep(value);
  napi_create_reference(env, onTurn, 1, &binding->onTurn_);
  napi_create_reference(env, onVirtual, 1, &binding->onVirtual_);
  int error = binding->reactor_->open();
  if (error != 0) {
    binding->close();
    napi_throw_error(env, nullptr, std::strerror(error));
    return nullptr;
  }
  return arguments.self();
}

// Null, with an exception in JS, for an object that is no Reactor; null alone if it is closed.
ReactorBinding* ReactorBinding::of(Arguments& arguments) {
  bool isOne = false;
  void* found = nullptr;
  napi_env env = arguments.env();
  if (napi_check_object_type_tag(env, arguments.self(), &reactorTag, &isOne) != napi_ok || !isOne || napi_unwrap(env, arguments.self(), &found) != napi_ok) {
    arguments.require(false, "this is not a Reactor");
    return nullptr;
  }
  ReactorBinding* binding = static_cast<ReactorBinding*>(static_cast<Owned*>(found));
  return binding->isClosing() ? nullptr : binding;
}

int32_t ReactorBinding::onTurn(uint32_t rowCount) {
  Scope scope(env());
  napi_value argument = nullptr;
  int32_t commands = -1;
  napi_create_uint32(env(), rowCount, &argument);
  napi_value result = call(onTurn_, 1, &argument);
  if (result == nullptr || napi_get_value_int32(env(), result, &commands) != napi_ok) return -1;
  return commands;
}

void ReactorBinding::onVirtual(uint32_t rowCount) {
  Scope scope(env());
  napi_value argument = nullptr;
  napi_create_uint32(env(), rowCount, &argument);
  call(onVirtual_, 1, &argument);
}

void ReactorBinding::onBadCommand(int32_t index) {
  Scope scope(env());
  checkCommands(index);
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env(), &error) == napi_ok) napi_fatal_exception(env(), error);
}

void ReactorBinding::checkCommands(int32_t bad) {
  if (bad < 0) return;
  const int32_t* command = commands_ + static_cast<size_t>(bad) * COMMAND_INTS;
  char message[192];
  std::snprintf(message, sizeof message, "command %d is not valid: %d %d %d %d %d %d %d %d", bad, command[0], command[1], command[2], command[3], command[4],
                command[5], command[6], command[7]);
  napi_throw_range_error(env(), "ERR_INVALID_COMMAND", message);
}

int32_t ReactorBinding::registerSpace(napi_value value, const uint8_t* bytes, uint64_t length) {
  napi_ref reference = nullptr;
  if (napi_create_reference(env(), value, 1, &reference) != napi_ok) return -1;
  size_t at = 0;
  while (at < spaces_.size() && spaces_[at] != nullptr) at++;
  std::vector<Space>& spaces = reactor_->spaces();
  if (at == spaces_.size()) {
    spaces_.push_back(nullptr);
    spaces.push_back(Space{nullptr, 0});
  }
  spaces_[at] = reference;
  spaces[SPACE_REGISTERED_FIRST + at] = Space{bytes, length};
  return static_cast<int32_t>(SPACE_REGISTERED_FIRST + at);
}

bool ReactorBinding::unregisterSpace(int32_t space) {
  size_t at = static_cast<size_t>(space - SPACE_REGISTERED_FIRST);
  if (at >= spaces_.size() || spaces_[at] == nullptr) return false;
  napi_delete_reference(env(), spaces_[at]);
  spaces_[at] = nullptr;
  reactor_->spaces()[static_cast<size_t>(space)] = Space{nullptr, 0};
  return true;
}

// Methods. After `close` each does nothing and returns undefined.

ConnectionOptions optionsAt(Arguments& arguments, size_t at, uint32_t arenaBytesMax) {
  ConnectionOptions options{};
  options.framing = static_cast<uint8_t>(arguments.integer(at, FRAMING_RAW, FRAMING_AMQP));
  options.gated = arguments.boolean(at + 1);
  options.frameBytesMax = static_cast<uint32_t>(arguments.integer(at + 2, 1, arenaBytesMax));
  options.highMarkBytes = static_cast<uint32_t>(arguments.integer(at + 3, 0, INT32_MAX));
  options.lowMarkBytes = static_cast<uint32_t>(arguments.integer(at + 4, 0, options.highMarkBytes));
  options.outputBytesMax = static_cast<uint32_t>(arguments.integer(at + 5, 1, INT32_MAX));
  return options;
}

Connection* connectionAt(Arguments& arguments, ReactorBinding* binding, size_t at) {
  Connection* connection = binding->reactor()->connections().find(static_cast<uint32_t>(arguments.integer(at, 0, INT32_MAX)));
  arguments.require(connection != nullptr, "there is no such connection");
  return arguments.isGood() ? connection : nullptr;
}

#define ROBUST_METHOD(name)                                              \
  napi_value name(napi_env env, napi_callback_info info) {               \
    Arguments arguments(env, info);                                      \
    ReactorBinding* binding = ReactorBinding::of(arguments);             \
    return binding == nullptr ? nullptr : name##Of(arguments, binding);  \
  }

napi_value startOf(Arguments& arguments, ReactorBinding* binding) {
  if (binding->reactor()->start() != 0) napi_throw_error(arguments.env(), nullptr, "the loop does not watch the reactor");
  return nullptr;
}

napi_value closeOf(Arguments&, ReactorBinding* binding) {
  binding->close();
  return nullptr;
}

napi_value submitOf(Arguments& arguments, ReactorBinding* binding) {
  int64_t count = arguments.integer(0, 0, binding->reactor()->commandsMax());
  if (!arguments.isGood()) return nullptr;
  int32_t bad = binding->reactor()->execute(static_cast<uint32_t>(count));
  binding->reactor()->finishCommands();
  binding->checkCommands(bad);
  return nullptr;
}

// Executes in the middle of a batch. With `flush` nothing refers to the scratch afterwards.
napi_value drainOf(Arguments& arguments, ReactorBinding* binding) {
  int64_t count = arguments.integer(0, 0, binding->reactor()->commandsMax());
  bool flush = arguments.boolean(1);
  if (!arguments.isGood()) return nullptr;
  int32_t bad = binding->reactor()->execute(static_cast<uint32_t>(count));
  if (flush) binding->reactor()->flushAll();
  binding->checkCommands(bad);
  return nullptr;
}

napi_value adoptOf(Arguments& arguments, ReactorBinding* binding) {
  int fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  ConnectionOptions options = optionsAt(arguments, 1, binding->reactor()->frameBytesMax());
  return arguments.isGood() ? toNumber(arguments.env(), static_cast<double>(binding->reactor()->adopt(fd, options))) : nullptr;
}

napi_value connectOf(Arguments& arguments, ReactorBinding* binding) {
  std::string address = arguments.text(0);
  bool isV6 = arguments.boolean(1);
  uint16_t port = static_cast<uint16_t>(arguments.integer(2, 1, 65535));
  std::string local = arguments.text(3);
  ConnectionOptions options = optionsAt(arguments, 4, binding->reactor()->frameBytesMax());
  if (!arguments.isGood()) return nullptr;
  return toNumber(arguments.env(), static_cast<double>(binding->reactor()->connect(address.c_str(), isV6, port, local.c_str(), options)));
}

napi_value openVirtualOf(Arguments& arguments, ReactorBinding* binding) {
  ConnectionOptions options = optionsAt(arguments, 0, binding->reactor()->frameBytesMax());
  return arguments.isGood() ? toNumber(arguments.env(), static_cast<double>(binding->reactor()->openVirtual(options))) : nullptr;
}

napi_value pushVirtualOf(Arguments& arguments, ReactorBinding* binding) {
  Connection* connection = connectionAt(arguments, binding, 0);
  size_t length = 0;
  const uint8_t* bytes = arguments.array<const uint8_t>(1, napi_uint8_array, length);
  arguments.require(length <= INT32_MAX, "too many bytes at once");
  if (!arguments.isGood()) return nullptr;
  arguments.require(connection->isVirtual, "the connection is not virtual");
  if (!arguments.isGood()) return nullptr;
  return toBoolean(arguments.env(), binding->reactor()->pushVirtual(*connection, bytes, static_cast<uint32_t>(length)));
}

napi_value acknowledgeOutputOf(Arguments& arguments, ReactorBinding* binding) {
  Connection* connection = connectionAt(arguments, binding, 0);
  int64_t bytes = arguments.integer(1, 0, INT32_MAX);
  if (arguments.isGood()) binding->reactor()->acknowledgeOutput(*connection, static_cast<uint32_t>(bytes));
  return nullptr;
}

napi_value closeVirtualOf(Arguments& arguments, ReactorBinding* binding) {
  Connection* connection = connectionAt(arguments, binding, 0);
  int64_t reason = arguments.integer(1, CLOSE_BY_PEER, CLOSE_BUDGET);
  if (arguments.isGood()) binding->reactor()->closeVirtual(*connection, static_cast<int32_t>(reason));
  return nullptr;
}

napi_value setListOf(Arguments& arguments, ReactorBinding* binding) {
  int64_t list = arguments.integer(0, 0, Reactor::listsMax - 1);
  size_t length = 0;
  const int32_t* connections = arguments.array<const int32_t>(1, napi_int32_array, length);
  int64_t count = arguments.integer(2, 0, static_cast<int64_t>(length));
  if (arguments.isGood()) binding->reactor()->setList(static_cast<uint32_t>(list), connections, static_cast<uint32_t>(count));
  return nullptr;
}

napi_value registerSpaceOf(Arguments& arguments, ReactorBinding* binding) {
  size_t length = 0;
  const uint8_t* bytes = arguments.array<const uint8_t>(0, napi_uint8_array, length);
  if (!arguments.isGood()) return nullptr;
  return toNumber(arguments.env(), binding->registerSpace(arguments.value(0), bytes, length));
}

napi_value unregisterSpaceOf(Arguments& arguments, ReactorBinding* binding) {
  int64_t space = arguments.integer(0, SPACE_REGISTERED_FIRST, INT32_MAX);
  if (arguments.isGood()) arguments.require(binding->unregisterSpace(static_cast<int32_t>(space)), "there is no such space");
  return nullptr;
}

napi_value internTopicOf(Arguments& arguments, ReactorBinding* binding) {
  size_t length = 0;
  const uint8_t* bytes = arguments.array<const uint8_t>(0, napi_uint8_array, length);
  if (!arguments.isGood()) return nullptr;
  return toNumber(arguments.env(), length == 0 || length > UINT16_MAX ? -1 : binding->reactor()->internTopic(bytes, static_cast<uint32_t>(length)));
}

napi_value topicNameOf(Arguments& arguments, ReactorBinding* binding) {
  int64_t topic = arguments.integer(0, 0, INT32_MAX);
  if (!arguments.isGood()) return nullptr;
  uint32_t length = 0;
  const uint8_t* bytes = binding->reactor()->topics().bytesOf(static_cast<int32_t>(topic), length);
  arguments.require(bytes != nullptr, "there is no such topic");
  napi_value result = nullptr;
  if (bytes != nullptr) napi_create_string_utf8(arguments.env(), reinterpret_cast<const char*>(bytes), length, &result);
  return result;
}

// [address, port]; ['', 0] for a connection without a socket.
napi_value peerOfOf(Arguments& arguments, ReactorBinding* binding) {
  Connection* connection = connectionAt(arguments, binding, 0);
  if (connection == nullptr) return nullptr;
  char text[INET6_ADDRSTRLEN] = "";
  uint16_t port = 0;
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } name;
  socklen_t length = sizeof name;
  if (connection->fd >= 0 && getpeername(connection->fd, &name.any, &length) == 0) {
    if (name.any.sa_family == AF_INET) {
      inet_ntop(AF_INET, &name.v4.sin_addr, text, sizeof text);
      port = ntohs(name.v4.sin_port);
    } else if (name.any.sa_family == AF_INET6) {
      inet_ntop(AF_INET6, &name.v6.sin6_addr, text, sizeof text);
      port = ntohs(name.v6.sin6_port);
    }
  }
  napi_value pair = nullptr;
  napi_value address = nullptr;
  napi_create_array_with_length(arguments.env(), 2, &pair);
  napi_create_string_utf8(arguments.env(), text, NAPI_AUTO_LENGTH, &address);
  napi_set_element(arguments.env(), pair, 0, address);
  napi_set_element(arguments.env(), pair, 1, toNumber(arguments.env(), port));
  return pair;
}

napi_value outputBytesOfOf(Arguments& arguments, ReactorBinding* binding) {
  Connection* connection = connectionAt(arguments, binding, 0);
  return connection == nullptr ? nullptr : toNumber(arguments.env(), connection->waiting);
}

napi_value serveVirtualOf(Arguments&, ReactorBinding* binding) { return binding->reactor()->turn(), nullptr; }

napi_value tickOf(Arguments& arguments, ReactorBinding* binding) { return toNumber(arguments.env(), binding->reactor()->tick()); }

#define ROBUST_METHODS(X) \
  X(start) X(close) X(submit) X(drain) X(adopt) X(connect) X(openVirtual) X(pushVirtual) X(serveVirtual) X(acknowledgeOutput) X(closeVirtual) X(setList) \
  X(registerSpace) X(unregisterSpace) X(internTopic) X(topicName) X(peerOf) X(outputBytesOf) X(tick)

namespace methods {
#define X(name) ROBUST_METHOD(name)
ROBUST_METHODS(X)
#undef X
}  // namespace methods

}  // namespace

napi_value defineReactor(napi_env env) {
  const napi_property_descriptor properties[] = {
#define X(name) {#name, nullptr, methods::name, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      ROBUST_METHODS(X)
#undef X
  };
  napi_value constructor = nullptr;
  napi_define_class(env, "Reactor", NAPI_AUTO_LENGTH, ReactorBinding::construct, nullptr, sizeof properties / sizeof properties[0], properties, &constructor);
  return constructor;
}

}  // namespace robust
