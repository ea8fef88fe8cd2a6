// Reading arguments that came from JS: each is checked for type and range, and a wrong one throws a TypeError or
// RangeError in JS and nothing else happens.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>

namespace robust {

class Arguments {
 public:
  static constexpr size_t most = 12;

  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    count_ = most;
    if (napi_get_cb_info(env, info, &count_, values_, &self_, &data_) != napi_ok) fail("arguments are not readable");
  }

  napi_env env() const { return env_; }
  napi_value self() const { return self_; }
  bool isGood() const { return isGood_; }

  // An integer from `least` to `greatest`.
  int64_t integer(size_t at, int64_t least, int64_t greatest) {
    double value = 0;
    if (!has(at) || napi_get_value_double(env_, values_[at], &value) != napi_ok) return fail("an argument is not a number"), least;
    // Written so that NaN fails too.
    if (!(value >= static_cast<double>(least) && value <= static_cast<double>(greatest))) return fail("a number is out of range"), least;
    int64_t result = static_cast<int64_t>(value);
    if (static_cast<double>(result) != value) return fail("a number is not an integer"), least;
    return result;
  }

  bool boolean(size_t at) {
    bool value = false;
    if (!has(at) || napi_get_value_bool(env_, values_[at], &value) != napi_ok) fail("an argument is not a boolean");
    return value;
  }

  // A typed array, also over shared memory; `length` in elements.
  template <typename T>
  T* array(size_t at, napi_typedarray_type wanted, size_t& length) {
    length = 0;
    return has(at) ? arrayOf<T>(values_[at], wanted, length) : (fail("an array is missing"), nullptr);
  }

  template <typename T>
  T* arrayOf(napi_value value, napi_typedarray_type wanted, size_t& length) {
    bool is = false;
    napi_typedarray_type type;
    void* data = nullptr;
    length = 0;
    if (napi_is_typedarray(env_, value, &is) != napi_ok || !is) return fail("an argument is not a typed array"), nullptr;
    if (napi_get_typedarray_info(env_, value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != wanted) {
      length = 0;
      return fail("a typed array has the wrong type"), nullptr;
    }
    return static_cast<T*>(data);
  }

  // Text of at most 255 bytes without U+0000.
  std::string text(size_t at) {
    char buffer[256];
    size_t length = 0;
    if (!has(at) || napi_get_value_string_utf8(env_, values_[at], buffer, sizeof buffer, &length) != napi_ok) return fail("an argument is not a string"), "";
    if (length == sizeof buffer - 1) return fail("a string is too long"), "";
    return std::string(buffer, length);
  }

  napi_value value(size_t at) const { return values_[at]; }
  bool has(size_t at) const { return isGood_ && at < count_; }

  napi_value property(napi_value object, const char* name) {
    napi_value found = nullptr;
    if (isGood_ && napi_get_named_property(env_, object, name, &found) != napi_ok) fail("a property is missing");
    return found;
  }

  void require(bool condition, const char* message) {
    if (!condition) fail(message);
  }

 private:
  void fail(const char* message) {
    if (!isGood_) return;
    isGood_ = false;
    bool isPending = false;
    napi_is_exception_pending(env_, &isPending);
    if (!isPending) napi_throw_type_error(env_, "ERR_INVALID_ARG_VALUE", message);
  }

  napi_env env_;
  napi_value self_ = nullptr;
  void* data_ = nullptr;
  size_t count_ = 0;
  napi_value values_[most] = {};
  bool isGood_ = true;
};

inline napi_value toNumber(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

inline napi_value toBoolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

}  // namespace robust
