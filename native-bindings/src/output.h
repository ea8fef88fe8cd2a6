// What leaves in a turn: per connection a list of segments, and one write for all of them.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "blocks.h"
#include "connection.h"
#include "layout.h"
#include "memory.h"

namespace robust {

class Output {
 public:
  explicit Output(double* counters);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Bump& bump() { return bump_; }
  std::vector<Block>& blocks() { return blocks_; }
  // Connections that have segments, or whose state changed and wants a look at the end of the turn.
  std::vector<Connection*>& dirty() { return dirty_; }

  void markDirty(Connection& connection) {
    if (connection.isDirty) return;
    connection.isDirty = true;
    dirty_.push_back(&connection);
  }

  // Bytes that stay valid until the flush. Contiguous ones become one segment.
  void appendRaw(Connection& connection, const uint8_t* bytes, uint32_t length) {
    if (connection.lastSegment != noSegment) {
      Segment& last = segments_[connection.lastSegment];
      if (last.block == noBlock && last.bytes + last.length == bytes) {
        last.length += length;
        return;
      }
    }
    link(connection, Segment{bytes, length, noSegment, noBlock, 0});
  }

  // A block whose packet ids are written when it is flushed.
  void appendBlock(Connection& connection, uint32_t block, uint32_t packetId) {
    link(connection, Segment{nullptr, blocks_[block].length, noSegment, block, packetId});
  }

  // So many segments, or so much memory of the turn, that it is better to flush before the next command.
  bool isCrowded() const { return segments_.size() >= segmentsMax; }

  // Hands the segments to the kernel, in one write where it takes that. What it does not take goes to `pending`.
  // For a virtual connection, or one whose socket is not writable, all of it goes there.
  void flush(Connection& connection);
  // Writes what is pending. The caller watches for writability again if some is left.
  void flushPending(Connection& connection);
  void dropSegments(Connection& connection) { connection.firstSegment = connection.lastSegment = noSegment; }
  void addWaiting(Connection& connection, uint32_t bytes) {
    connection.waiting += bytes;
    counters_[COUNTER_OUTPUT_BYTES] += bytes;
  }
  void subtractWaiting(Connection& connection, uint32_t bytes) {
    connection.waiting -= bytes;
    counters_[COUNTER_OUTPUT_BYTES] -= bytes;
  }

  // Every dirty connection was flushed: no segment refers to the scratch any more.
  void resetSegments() { segments_.clear(); }
  // The batch of commands is over: block numbers start again.
  void resetTurn() {
    segments_.clear();
    blocks_.clear();
    bump_.reset();
  }

 private:
  static constexpr uint32_t noBlock = UINT32_MAX;
  static constexpr uint32_t segmentsMax = 1u << 18;
  static constexpr uint32_t hotBytes = 64 * 1024;
  static constexpr uint32_t directBytes = 4096;  // A raw segment of this length is not copied.
  static constexpr int piecesMax = 64;

  struct Segment {
    const uint8_t* bytes;
    uint32_t length;
    uint32_t next;
    uint32_t block;
    uint32_t packetId;
  };

  void link(Connection& connection, const Segment& segment) {
    uint32_t index = static_cast<uint32_t>(segments_.size());
    segments_.push_back(segment);
    if (connection.lastSegment == noSegment) {
      connection.firstSegment = index;
      markDirty(connection);
    } else {
      segments_[connection.lastSegment].next = index;
    }
    connection.lastSegment = index;
  }

  // The pieces of one write: parts of the hot buffer and memory that is not copied.
  void addCopy(Connection& connection, const uint8_t* bytes, uint32_t length);
  void addDirect(Connection& connection, const uint8_t* bytes, uint32_t length);
  uint8_t* hotRoom(Connection& connection, uint32_t length);
  void addBlock(Connection& connection, const Block& block, uint32_t packetId);
  // Writes the pieces; those left over, and all later ones of this connection, go to `pending`.
  void writePieces(Connection& connection);
  void keep(Connection& connection, const uint8_t* bytes, uint32_t length);

  double* counters_;
  Bump bump_;
  std::vector<Segment> segments_;
  std::vector<Block> blocks_;
  std::vector<Connection*> dirty_;
  uint8_t* hot_;  // Small enough to stay in the second-level cache.
  uint32_t hotUsed_ = 0;
  iovec pieces_[piecesMax];
  int piecesCount_ = 0;
};

}  // namespace robust
