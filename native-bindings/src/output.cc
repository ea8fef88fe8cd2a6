#include "output.h"

#include <sys/socket.h>

#include <cerrno>

#include "frames.h"

namespace robust {

Output::Output(double* counters) : counters_(counters), hot_(static_cast<uint8_t*>(std::malloc(hotBytes))) {
  if (hot_ == nullptr) abort();
}

Output::~Output() { std::free(hot_); }

void Output::flush(Connection& connection) {
  uint32_t index = connection.firstSegment;
  if (index == noSegment) return;
  dropSegments(connection);
  if (connection.isOutputDead) return;
  if (segments_[index].next == noSegment) {
    // The commonest case by far: one segment.
    const Segment& segment = segments_[index];
    if (segment.block == noBlock) {
      addDirect(connection, segment.bytes, segment.length);
    } else {
      addBlock(connection, blocks_[segment.block], segment.packetId);
    }
  } else {
    for (; index != noSegment; index = segments_[index].next) {
      const Segment& segment = segments_[index];
      if (segment.block != noBlock) {
        addBlock(connection, blocks_[segment.block], segment.packetId);
      } else if (segment.length >= directBytes) {
        addDirect(connection, segment.bytes, segment.length);
      } else {
        addCopy(connection, segment.bytes, segment.length);
      }
    }
  }
  writePieces(connection);
}

uint8_t* Output::hotRoom(Connection& connection, uint32_t length) {
  if (hotBytes - hotUsed_ < length || piecesCount_ == piecesMax) writePieces(connection);
  uint8_t* room = hot_ + hotUsed_;
  hotUsed_ += length;
  if (piecesCount_ > 0) {
    iovec& last = pieces_[piecesCount_ - 1];
    if (static_cast<uint8_t*>(last.iov_base) + last.iov_len == room) {
      last.iov_len += length;
      return room;
    }
  }
  pieces_[piecesCount_++] = iovec{room, length};
  return room;
}

void Output::addCopy(Connection& connection, const uint8_t* bytes, uint32_t length) {
  std::memcpy(hotRoom(connection, length), bytes, length);
}

void Output::addDirect(Connection& connection, const uint8_t* bytes, uint32_t length) {
  if (piecesCount_ == piecesMax) writePieces(connection);
  pieces_[piecesCount_++] = iovec{const_cast<uint8_t*>(bytes), length};
}

void Output::addBlock(Connection& connection, const Block& block, uint32_t packetId) {
  if (block.length <= hotBytes) {
    copyWithIds(block, packetId, hotRoom(connection, block.length));
    return;
  }
  // Larger than the hot buffer: only the packet ids are written there, between pieces of the block itself.
  uint32_t at = 0;
  for (uint32_t frame = 0; frame < block.count; frame++) {
    uint32_t idAt = block.idOffset(frame);
    uint32_t before = idAt - at;
    if (before < directBytes) {
      addCopy(connection, block.bytes + at, before);
    } else {
      addDirect(connection, block.bytes + at, before);
    }
    writeU16(hotRoom(connection, 2), packetId);
    packetId = nextPacketId(packetId);
    at = idAt + 2;
  }
  addDirect(connection, block.bytes + at, block.length - at);
}

void Output::writePieces(Connection& connection) {
  int first = 0;
  if (connection.fd >= 0 && !connection.isVirtual && connection.pending.length == 0 && connection.phase != Phase::connecting && !connection.isOutputDead) {
    msghdr message{};
    message.msg_iov = pieces_;
    message.msg_iovlen = static_cast<size_t>(piecesCount_);
    ssize_t written = piecesCount_ == 1 ? ::send(connection.fd, pieces_[0].iov_base, pieces_[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                                        : ::sendmsg(connection.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    counters_[COUNTER_WRITES] += 1;
    if (written < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENOBUFS) {
        connection.isOutputDead = true;
        connection.error = errno;
      }
      written = 0;
    }
    counters_[COUNTER_BYTES_OUT] += static_cast<double>(written);
    size_t left = static_cast<size_t>(written);
    while (first < piecesCount_ && left >= pieces_[first].iov_len) left -= pieces_[first++].iov_len;
    if (first < piecesCount_) {
      pieces_[first].iov_base = static_cast<uint8_t*>(pieces_[first].iov_base) + left;
      pieces_[first].iov_len -= left;
    }
  }
  for (; first < piecesCount_; first++) {
    keep(connection, static_cast<uint8_t*>(pieces_[first].iov_base), static_cast<uint32_t>(pieces_[first].iov_len));
  }
  piecesCount_ = 0;
  hotUsed_ = 0;
}

// The budget is checked before anything is allocated.
void Output::keep(Connection& connection, const uint8_t* bytes, uint32_t length) {
  if (connection.isOutputDead || connection.isOverBudget) return;
  if (length > connection.outputBytesMax - connection.waiting) {
    connection.isOverBudget = true;
    return;
  }
  connection.pending.append(bytes, length);
  addWaiting(connection, length);
}

void Output::flushPending(Connection& connection) {
  while (connection.pending.length > 0 && !connection.isOutputDead) {
    ssize_t written = ::send(connection.fd, connection.pending.front(), connection.pending.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    counters_[COUNTER_WRITES] += 1;
    if (written < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS) return;
      connection.isOutputDead = true;
      connection.error = errno;
      return;
    }
    counters_[COUNTER_BYTES_OUT] += static_cast<double>(written);
    subtractWaiting(connection, static_cast<uint32_t>(written));
    connection.pending.consume(static_cast<uint32_t>(written));
  }
}

}  // namespace robust
