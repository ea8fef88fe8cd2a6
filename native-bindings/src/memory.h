// Two kinds of memory: a Buffer that belongs to one connection for as long as it holds bytes, and a Bump that belongs to
// one turn.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace robust {

// A queue of bytes: appended at the end, consumed at the front. Owns no memory while it is empty, so that an idle
// connection costs its struct only.
struct Buffer {
  uint8_t* data = nullptr;
  uint32_t head = 0;
  uint32_t length = 0;  // From head.
  uint32_t capacity = 0;

  const uint8_t* front() const { return data + head; }
  uint8_t* end() { return data + head + length; }
  uint32_t room() const { return capacity - head - length; }

  // Makes room for `more` bytes at the end; at most doubles what is held, so nothing is allocated ahead of what arrives.
  void reserve(uint32_t more) {
    if (room() >= more) return;
    if (head > 0) {
      std::memmove(data, data + head, length);
      head = 0;
      if (room() >= more) return;
    }
    uint64_t wanted = static_cast<uint64_t>(length) + more;
    uint64_t doubled = static_cast<uint64_t>(capacity) * 2;
    uint64_t size = wanted > doubled ? wanted : doubled;
    if (size < 256) size = 256;
    if (size > UINT32_MAX) abort();  // Every caller's limit is far below.
    data = static_cast<uint8_t*>(std::realloc(data, size));
    if (data == nullptr) abort();
    capacity = static_cast<uint32_t>(size);
  }

  void append(const uint8_t* bytes, uint32_t count) {
    if (count == 0) return;
    reserve(count);
    std::memcpy(end(), bytes, count);
    length += count;
  }

  void consume(uint32_t count) {
    head += count;
    length -= count;
    if (length == 0) release();
  }

  void release() {
    std::free(data);
    *this = Buffer{};
  }
};

// Memory of one turn. The first chunk stays for the next turn (and in the cache), others are freed.
class Bump {
 public:
  Bump() { addChunk(chunkBytes); }
  ~Bump() {
    for (Chunk& chunk : chunks_) std::free(chunk.data);
  }
  Bump(const Bump&) = delete;
  Bump& operator=(const Bump&) = delete;

  uint8_t* take(uint32_t bytes) {
    if (chunks_.back().size - used_ < bytes) addChunk(bytes > chunkBytes ? bytes : chunkBytes);
    uint8_t* taken = chunks_.back().data + used_;
    used_ += bytes;
    return taken;
  }

  uint32_t* takeWords(uint32_t count) {
    used_ = (used_ + 7) & ~7u;
    if (used_ > chunks_.back().size) used_ = chunks_.back().size;
    uint32_t bytes = count * 4;
    if (chunks_.back().size - used_ < bytes) addChunk(bytes > chunkBytes ? bytes : chunkBytes);
    uint8_t* taken = chunks_.back().data + used_;
    used_ += bytes;
    return reinterpret_cast<uint32_t*>(taken);
  }

  void reset() {
    used_ = 0;
    while (chunks_.size() > 1) {
      std::free(chunks_.back().data);
      chunks_.pop_back();
    }
  }

 private:
  static constexpr uint32_t chunkBytes = 256 * 1024;
  struct Chunk {
    uint8_t* data;
    uint32_t size;
  };

  void addChunk(uint32_t size) {
    uint8_t* data = static_cast<uint8_t*>(std::malloc(size));
    if (data == nullptr) abort();
    chunks_.push_back(Chunk{data, size});
    used_ = 0;
  }

  std::vector<Chunk> chunks_;
  uint32_t used_ = 0;
};

}  // namespace robust
