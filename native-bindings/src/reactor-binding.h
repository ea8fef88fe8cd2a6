#pragma once

#include <node_api.h>

namespace robust {

// The class `Reactor`, or null.
napi_value defineReactor(napi_env env);

}  // namespace robust
