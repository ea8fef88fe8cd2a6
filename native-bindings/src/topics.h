// Topic names as small numbers. The hot path compares bytes and carries numbers; a string is made only when JS asks.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace robust {

enum class TopicCheck : uint8_t { good, malformed, notAName };

// Whether the bytes are a topic name (MQTT 5.0 §1.5.4, §4.7): well-formed UTF-8 without control characters is one,
// a wildcard makes it `notAName`.
TopicCheck checkTopicName(const uint8_t* bytes, uint32_t length);

class TopicTable {
 public:
  static constexpr int32_t none = -1;
  static constexpr int32_t full = -2;

  // `generations` has `max` cells, shared with JS; a cell is raised whenever its number is given to a topic.
  TopicTable(uint32_t max, int32_t* generations, uint64_t seed);
  ~TopicTable();
  TopicTable(const TopicTable&) = delete;
  TopicTable& operator=(const TopicTable&) = delete;

  // Rows of one batch name topics that JS has not seen yet: those are not evicted before the next batch.
  void beginBatch() {
    batch_++;
    pinned_ = 0;
  }

  bool equals(int32_t topic, const uint8_t* bytes, uint32_t length) const {
    const Topic& entry = topics_[topic];
    return entry.length == length && std::memcmp(entry.bytes, bytes, length) == 0;
  }

  // For the cutter. `full` if the batch must end first; `check` says why the result is `none`.
  int32_t internForBatch(const uint8_t* bytes, uint32_t length, TopicCheck& check);
  // Marks a topic that the cutter recognised without looking it up. False as `full` above.
  bool pin(int32_t topic);
  // For JS, which uses the number at once.
  int32_t intern(const uint8_t* bytes, uint32_t length);

  // Null if the number is nobody's.
  const uint8_t* bytesOf(int32_t topic, uint32_t& length) const;

 private:
  struct Topic {
    uint8_t* bytes;
    uint32_t hash;
    uint32_t batch;
    uint16_t length;
    uint8_t isUsed;  // The clock's second chance.
  };

  uint32_t hashOf(const uint8_t* bytes, uint32_t length) const;
  int32_t find(const uint8_t* bytes, uint32_t length, uint32_t hash) const;
  int32_t add(const uint8_t* bytes, uint32_t length, uint32_t hash);
  int32_t evict();
  void unlink(int32_t topic);

  uint32_t max_;
  uint32_t count_ = 0;
  uint32_t hand_ = 0;
  uint32_t batch_ = 1;
  uint32_t pinned_ = 0;
  uint32_t pinnedMax_;
  uint64_t seed_;
  int32_t* generations_;
  Topic* topics_;
  uint32_t slotMask_;
  uint64_t* slots_;  // Open addressing: hash << 32 | topic + 1; 0 is empty. At most half full.
};

}  // namespace robust
