// Cuts the bytes of a connection into frames and writes the event rows.
#pragma once

#include <cstdint>

#include "connection.h"
#include "layout.h"
#include "topics.h"

namespace robust {

// The rows of one batch: one call into JS.
struct RowBatch {
  int32_t* rows;
  uint32_t max;
  uint32_t count = 0;

  bool isFull() const { return count == max; }
  int32_t* add(int32_t kind, uint32_t connection) {
    int32_t* row = rows + static_cast<size_t>(count++) * ROW_INTS;
    row[ROW_KIND] = kind;
    row[ROW_CONNECTION] = static_cast<int32_t>(connection);
    return row;
  }
};

class Cutter {
 public:
  Cutter(const uint8_t* arena, TopicTable& topics, double* counters) : arena_(arena), topics_(topics), counters_(counters) {}

  // Cuts arena bytes `from` to `end`; returns where it stopped. What is behind is an incomplete frame (`need` is its
  // length if known), or was left because of the gate or a full batch (`isHeld`), or is refused (`isFaulted`).
  uint32_t cut(Connection& connection, uint32_t from, uint32_t end, RowBatch& batch);

 private:
  // The run of PUBLISH frames that the next frame may continue.
  struct Run {
    int32_t* row = nullptr;
    const uint8_t* topicField = nullptr;  // Length and bytes.
    uint32_t topicFieldLength = 0;
    uint8_t first = 0;
  };

  uint32_t cutMqtt(Connection& connection, uint32_t from, uint32_t end, RowBatch& batch);
  uint32_t cutPrefixed(Connection& connection, uint32_t from, uint32_t end, RowBatch& batch);
  int32_t* frameRow(RowBatch& batch, const Connection& connection, uint32_t at, uint32_t header, uint32_t total);
  static bool continues(const Run& run, const uint8_t* body, uint32_t remaining, uint8_t version);
  // The row of a PUBLISH that does not continue a run. False if there is none: a fault, or the batch must end first.
  bool startRun(Connection& connection, uint32_t at, uint32_t header, uint32_t total, RowBatch& batch, Run& run);
  static int32_t publishFault(uint8_t version, const uint8_t* frame, uint32_t header, uint32_t total, uint32_t& topicLength, bool& hasProperties);
  // FAULT_* or 0; `topic` may be TopicTable::full.
  int32_t topicFault(Connection& connection, const uint8_t* name, uint32_t length, int32_t& topic);
  void fault(Connection& connection, RowBatch& batch, int32_t number);

  const uint8_t* arena_;
  TopicTable& topics_;
  double* counters_;
};

}  // namespace robust
