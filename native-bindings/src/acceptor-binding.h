#pragma once

#include <node_api.h>

namespace robust {

// The class `Acceptor`, or null.
napi_value defineAcceptor(napi_env env);

}  // namespace robust
