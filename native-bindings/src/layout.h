// The numbers that C++ and TypeScript share. Each is written here once and once in TypeScript; the addon exports this
// table and src/native/door.ts compares them when it loads.
#pragma once

#include <cstdint>

namespace robust {

#define ROBUST_LAYOUT(X)                                                                                              \
  X(ROW_INTS, 8)                                                                                                      \
  X(ROW_KIND, 0)                                                                                                      \
  X(ROW_CONNECTION, 1)                                                                                                \
  X(ROW_OFFSET, 2)                                                                                                    \
  X(ROW_LENGTH, 3)                                                                                                    \
  X(ROW_COUNT, 4)                                                                                                     \
  X(ROW_NUMBER, 5)                                                                                                    \
  X(ROW_HEADER, 6)                                                                                                    \
  X(ROW_EXTRA, 7)                                                                                                     \
  X(EVENT_CONNECTED, 1)                                                                                               \
  X(EVENT_CLOSED, 2)                                                                                                  \
  X(EVENT_FRAME, 3)                                                                                                   \
  X(EVENT_PUBLISH, 4)                                                                                                 \
  X(EVENT_PUBLISH_PROPERTIES, 5)                                                                                      \
  X(EVENT_ACKS, 6)                                                                                                    \
  X(EVENT_PING, 7)                                                                                                    \
  X(EVENT_FAULT, 8)                                                                                                   \
  X(EVENT_CONGESTED, 9)                                                                                               \
  X(EVENT_RELIEVED, 10)                                                                                               \
  X(CLOSE_BY_PEER, 0)                                                                                                 \
  X(CLOSE_BY_US, 1)                                                                                                   \
  X(CLOSE_ERROR, 2)                                                                                                   \
  X(CLOSE_BUDGET, 3)                                                                                                  \
  X(FAULT_BAD_LENGTH, 1)                                                                                              \
  X(FAULT_TOO_LARGE, 2)                                                                                               \
  X(FAULT_BAD_PUBLISH, 3)                                                                                             \
  X(FAULT_BAD_TOPIC_NAME, 4)                                                                                          \
  X(FRAMING_RAW, 0)                                                                                                   \
  X(FRAMING_MQTT, 1)                                                                                                  \
  X(FRAMING_U32BE, 2)                                                                                                 \
  X(FRAMING_AMQP, 3)                                                                                                  \
  X(SPACE_ARENA, 0)                                                                                                   \
  X(SPACE_SCRATCH, 1)                                                                                                 \
  X(SPACE_REGISTERED_FIRST, 2)                                                                                        \
  X(COUNTER_BYTES_IN, 0)                                                                                              \
  X(COUNTER_BYTES_OUT, 1)                                                                                             \
  X(COUNTER_FRAMES_IN, 2)                                                                                             \
  X(COUNTER_DROPPED_QOS0, 3)                                                                                          \
  X(COUNTER_READS, 4)                                                                                                 \
  X(COUNTER_WRITES, 5)                                                                                                \
  X(COUNTER_TURNS, 6)                                                                                                 \
  X(COUNTER_ACCEPT_ERRORS, 7)                                                                                         \
  X(COUNTER_OUTPUT_BYTES, 8)                                                                                          \
  X(COUNTER_FRAMES_OUT, 9)                                                                                            \
  X(COUNTERS_COUNT, 16)                                                                                               \
  X(COMMAND_INTS, 8)                                                                                                  \
  X(COMMAND_SEND, 1)                                                                                                  \
  X(COMMAND_BUILD_BLOCK, 2)                                                                                           \
  X(COMMAND_SEND_BLOCK, 3)                                                                                            \
  X(COMMAND_SEND_BLOCK_TO_LIST, 4)                                                                                    \
  X(COMMAND_ACK_RUN, 5)                                                                                               \
  X(COMMAND_ACK_RANGE, 6)                                                                                             \
  X(COMMAND_ADMIT, 7)                                                                                                 \
  X(COMMAND_PAUSE, 8)                                                                                                 \
  X(COMMAND_RESUME, 9)                                                                                                \
  X(COMMAND_CLOSE, 10)                                                                                                \
  X(COMMAND_RELEASE, 11)                                                                                              \
  X(COMMAND_LIST_FORGET, 12)                                                                                          \
  X(VIRTUAL_INTS, 4)                                                                                                  \
  X(VIRTUAL_OUTPUT, 1)                                                                                                \
  X(VIRTUAL_READABLE, 2)                                                                                              \
  X(VIRTUAL_CLOSE, 3)

enum Layout : int32_t {
#define X(name, value) name = value,
  ROBUST_LAYOUT(X)
#undef X
};

}  // namespace robust
