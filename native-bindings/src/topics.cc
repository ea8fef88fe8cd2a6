#include "topics.h"

#include <cstdlib>

namespace robust {

namespace {

bool isContinuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

uint64_t load64(const uint8_t* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, 8);
  return value;
}

uint64_t mix(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

TopicCheck checkTopicName(const uint8_t* bytes, uint32_t length) {
  if (length == 0) return TopicCheck::malformed;
  bool hasWildcard = false;
  uint32_t at = 0;
  while (at < length) {
    uint8_t first = bytes[at];
    if (first < 0x80) {
      if (first < 0x20 || first == 0x7f) return TopicCheck::malformed;
      if (first == '+' || first == '#') hasWildcard = true;
      at++;
      continue;
    }
    uint32_t left = length - at;
    if (first < 0xc2) return TopicCheck::malformed;  // A continuation byte, or overlong.
    if (first < 0xe0) {
      if (left < 2 || !isContinuation(bytes[at + 1])) return TopicCheck::malformed;
      if (first == 0xc2 && bytes[at + 1] < 0xa0) return TopicCheck::malformed;  // U+0080 to U+009F.
      at += 2;
    } else if (first < 0xf0) {
      if (left < 3 || !isContinuation(bytes[at + 1]) || !isContinuation(bytes[at + 2])) return TopicCheck::malformed;
      if (first == 0xe0 && bytes[at + 1] < 0xa0) return TopicCheck::malformed;   // Overlong.
      if (first == 0xed && bytes[at + 1] >= 0xa0) return TopicCheck::malformed;  // A surrogate.
      at += 3;
    } else {
      if (first > 0xf4 || left < 4) return TopicCheck::malformed;
      if (!isContinuation(bytes[at + 1]) || !isContinuation(bytes[at + 2]) || !isContinuation(bytes[at + 3])) return TopicCheck::malformed;
      if (first == 0xf0 && bytes[at + 1] < 0x90) return TopicCheck::malformed;   // Overlong.
      if (first == 0xf4 && bytes[at + 1] >= 0x90) return TopicCheck::malformed;  // Above U+10FFFF.
      at += 4;
    }
  }
  return hasWildcard ? TopicCheck::notAName : TopicCheck::good;
}

TopicTable::TopicTable(uint32_t max, int32_t* generations, uint64_t seed)
    : max_(max), pinnedMax_(max > 1 ? max / 2 : 1), seed_(seed), generations_(generations) {
  uint32_t slots = 16;
  while (slots < max * 2) slots *= 2;
  slotMask_ = slots - 1;
  // Zeroed by the kernel page by page, so a large table costs what is used of it.
  topics_ = static_cast<Topic*>(std::calloc(max, sizeof(Topic)));
  slots_ = static_cast<uint64_t*>(std::calloc(slots, sizeof(uint64_t)));
  if (topics_ == nullptr || slots_ == nullptr) abort();
}

TopicTable::~TopicTable() {
  for (uint32_t topic = 0; topic < count_; topic++) std::free(topics_[topic].bytes);
  std::free(topics_);
  std::free(slots_);
}

// Seeded, so that a client cannot choose topics that collide.
uint32_t TopicTable::hashOf(const uint8_t* bytes, uint32_t length) const {
  uint64_t hash = seed_ ^ length;
  uint32_t at = 0;
  for (; at + 8 <= length; at += 8) hash = mix(hash ^ load64(bytes + at), 0x9e3779b97f4a7c15ull);
  uint64_t tail = 0;
  std::memcpy(&tail, bytes + at, length - at);
  hash = mix(hash ^ tail, 0xd6e8feb86659fd93ull ^ seed_);
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

int32_t TopicTable::find(const uint8_t* bytes, uint32_t length, uint32_t hash) const {
  for (uint32_t at = hash & slotMask_;; at = (at + 1) & slotMask_) {
    uint64_t slot = slots_[at];
    if (slot == 0) return none;
    if (slot >> 32 != hash) continue;
    int32_t topic = static_cast<int32_t>(slot & 0xffffffff) - 1;
    if (equals(topic, bytes, length)) return topic;
  }
}

bool TopicTable::pin(int32_t topic) {
  Topic& entry = topics_[topic];
  entry.isUsed = 1;
  if (entry.batch == batch_) return true;
  if (pinned_ == pinnedMax_) return false;
  entry.batch = batch_;
  pinned_++;
  return true;
}

int32_t TopicTable::internForBatch(const uint8_t* bytes, uint32_t length, TopicCheck& check) {
  uint32_t hash = hashOf(bytes, length);
  int32_t topic = find(bytes, length, hash);
  if (topic == none) {
    check = checkTopicName(bytes, length);
    if (check != TopicCheck::good) return none;
    if (pinned_ == pinnedMax_) return full;
    topic = add(bytes, length, hash);
  }
  return pin(topic) ? topic : full;
}

int32_t TopicTable::intern(const uint8_t* bytes, uint32_t length) {
  if (length > UINT16_MAX) return none;
  uint32_t hash = hashOf(bytes, length);
  int32_t topic = find(bytes, length, hash);
  if (topic == none) {
    if (checkTopicName(bytes, length) != TopicCheck::good) return none;
    topic = add(bytes, length, hash);
  }
  topics_[topic].isUsed = 1;
  return topic;
}

int32_t TopicTable::add(const uint8_t* bytes, uint32_t length, uint32_t hash) {
  int32_t topic = count_ < max_ ? static_cast<int32_t>(count_++) : evict();
  Topic& entry = topics_[topic];
  entry.bytes = static_cast<uint8_t*>(std::malloc(length));
  if (entry.bytes == nullptr) abort();
  std::memcpy(entry.bytes, bytes, length);
  entry.length = static_cast<uint16_t>(length);
  entry.hash = hash;
  entry.batch = 0;
  uint32_t at = hash & slotMask_;
  while (slots_[at] != 0) at = (at + 1) & slotMask_;
  slots_[at] = static_cast<uint64_t>(hash) << 32 | static_cast<uint32_t>(topic + 1);
  generations_[topic]++;
  return topic;
}

// The clock passes over what was used since it came by, and over what this batch names: at most half, so it ends.
int32_t TopicTable::evict() {
  for (;;) {
    uint32_t at = hand_;
    hand_ = hand_ + 1 == max_ ? 0 : hand_ + 1;
    Topic& entry = topics_[at];
    if (entry.batch == batch_ && max_ > 1) continue;
    if (entry.isUsed) {
      entry.isUsed = 0;
      continue;
    }
    unlink(static_cast<int32_t>(at));
    std::free(entry.bytes);
    entry.bytes = nullptr;
    return static_cast<int32_t>(at);
  }
}

// Deletion from linear probing: entries behind the hole move up if that brings them no further from home.
void TopicTable::unlink(int32_t topic) {
  uint32_t hole = topics_[topic].hash & slotMask_;
  while (static_cast<int32_t>(slots_[hole] & 0xffffffff) - 1 != topic) hole = (hole + 1) & slotMask_;
  for (uint32_t at = (hole + 1) & slotMask_; slots_[at] != 0; at = (at + 1) & slotMask_) {
    uint32_t home = static_cast<uint32_t>(slots_[at] >> 32) & slotMask_;
    if (((at - home) & slotMask_) < ((at - hole) & slotMask_)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = 0;
}

const uint8_t* TopicTable::bytesOf(int32_t topic, uint32_t& length) const {
  if (topic < 0 || static_cast<uint32_t>(topic) >= count_) return nullptr;
  length = topics_[topic].length;
  return topics_[topic].bytes;
}

}  // namespace robust
