#include "connection.h"

#include <unistd.h>

#include <new>

namespace robust {

ConnectionTable::~ConnectionTable() {
  for (uint32_t id = 0; id < size_; id++) {
    Connection& connection = *find(id);
    connection.carry.release();
    connection.pending.release();
    if (connection.fd >= 0) ::close(connection.fd);
  }
  for (Connection* slab : slabs_) ::operator delete[](slab, std::align_val_t{alignof(Connection)});
}

Connection* ConnectionTable::take(const ConnectionOptions& options) {
  uint32_t id;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else {
    if (size_ == max_) return nullptr;
    id = size_;
    if ((id >> slabShift) == slabs_.size()) {
      void* slab = ::operator new[](sizeof(Connection) << slabShift, std::align_val_t{alignof(Connection)});
      slabs_.push_back(static_cast<Connection*>(slab));
    }
    size_++;
    new (find(id)) Connection{};
  }
  Connection* connection = find(id);
  uint32_t stamp = connection->stamp;
  bool wasDirty = connection->isDirty;
  bool wasReady = connection->isReady;
  bool wasLinked = connection->isLinked;
  new (connection) Connection{};
  connection->id = id;
  connection->stamp = stamp;
  // An earlier owner of the number may still stand in these queues; the flags go with the entries.
  connection->isDirty = wasDirty;
  connection->isReady = wasReady;
  connection->isLinked = wasLinked;
  connection->phase = Phase::open;
  connection->framing = options.framing;
  connection->isGated = options.gated;
  connection->frameBytesMax = options.frameBytesMax;
  connection->highMarkBytes = options.highMarkBytes;
  connection->lowMarkBytes = options.lowMarkBytes;
  connection->outputBytesMax = options.outputBytesMax;
  return connection;
}

void ConnectionTable::giveBack(Connection& connection) {
  connection.phase = Phase::free;
  connection.stamp++;
  free_.push_back(connection.id);
}

}  // namespace robust
