// The data plane of one shard: its connections, its turns.
//
//   epoll --> ready connections --> arena --> Cutter --> rows --> host.onTurn --> commands --> Output --> one write each
#pragma once

#include <cstdint>
#include <vector>

#include "connection.h"
#include "cutter.h"
#include "libuv.h"
#include "output.h"
#include "topics.h"

namespace robust {

// Who decides: JS, behind two calls.
class ReactorHost {
 public:
  virtual ~ReactorHost() = default;
  // The number of commands written, or -1 if the call failed.
  virtual int32_t onTurn(uint32_t rowCount) = 0;
  virtual void onVirtual(uint32_t rowCount) = 0;
  // A command of a turn is not valid: our own fault.
  virtual void onBadCommand(int32_t index) = 0;
};

// Memory shared with JS; it outlives the reactor's use of it.
struct ReactorMemory {
  uint8_t* arena;
  uint32_t arenaBytes;
  int32_t* rows;
  uint32_t rowsMax;
  int32_t* activity;
  double* counters;
  int32_t* generations;
  uint32_t topicsMax;
  const int32_t* commands;
  uint32_t commandsMax;
  uint8_t* scratch;
  uint32_t scratchBytes;
  uint8_t* window;  // Output of virtual connections.
  uint32_t windowBytes;
  int32_t* virtualRows;
  uint32_t virtualRowsMax;
  uint32_t connectionsMax;
};

struct Space {
  const uint8_t* bytes;
  uint64_t length;
};

struct ListEntry {
  uint32_t connection;
  uint32_t stamp;
};

class Reactor {
 public:
  // Target lists have numbers below this.
  static constexpr uint32_t listsMax = 1u << 20;
  // Bytes read per batch: what one call into JS handles, and what stays in the cache.
  static constexpr uint32_t batchBytes = 64 * 1024;
  static constexpr uint32_t readBytesMax = 128 * 1024;
  // The arena holds a batch, one read beyond it and the longest frame.
  static constexpr uint32_t arenaBytesBeyondFrame = batchBytes + 2 * readBytesMax;

  Reactor(const ReactorMemory& memory, ReactorHost& host, uv_loop_s* loop, uint64_t topicSeed);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // 0 or errno.
  int open();
  int start();
  // Closes every descriptor at once; `onReleased` when the loop has let go of the handles.
  void close(std::function<void()> onReleased);
  bool isClosed() const { return isClosed_; }
  int32_t tick() const;

  int64_t adopt(int fd, const ConnectionOptions& options);
  int64_t connect(const char* address, bool isV6, uint16_t port, const char* localAddress, const ConnectionOptions& options);
  int64_t openVirtual(const ConnectionOptions& options);
  bool pushVirtual(Connection& connection, const uint8_t* bytes, uint32_t length);
  // Serves what is ready, unless a turn is under way.
  void turn();
  void acknowledgeOutput(Connection& connection, uint32_t bytes);
  void closeVirtual(Connection& connection, int32_t reason);

  // Executes commands 0 to count - 1 without writing to sockets. Returns the index of a command that is not valid, or -1.
  int32_t execute(uint32_t count);
  // Writes everything that is queued, so that no segment refers to the scratch or a space.
  void flushAll();
  // The batch of commands is over.
  void finishCommands();
  // The topic number, or -1.
  int32_t internTopic(const uint8_t* bytes, uint32_t length) { return topics_.intern(bytes, length); }

  // The list holds exactly these connections from now on; those that are gone are left out.
  void setList(uint32_t list, const int32_t* connections, uint32_t count);

  uint32_t commandsMax() const { return memory_.commandsMax; }
  // The longest frame that a connection may be allowed.
  uint32_t frameBytesMax() const { return memory_.arenaBytes - arenaBytesBeyondFrame; }
  ConnectionTable& connections() { return connections_; }
  TopicTable& topics() { return topics_; }
  std::vector<Space>& spaces() { return spaces_; }
  std::vector<std::vector<ListEntry>>& lists() { return lists_; }

 private:
  struct Row {
    int32_t cells[ROW_INTS];
  };
  static constexpr uint32_t roundsMax = 8;
  static constexpr uint64_t turnNsMax = 2'000'000;
  static constexpr uint32_t longFrameBytes = 16 * 1024;
  static constexpr uint32_t unadmittedReadBytes = 64 * 1024;
  static constexpr uint32_t pushBytesMax = 64 * 1024;
  static constexpr uint32_t pushBytesBeyondFrame = 4 * 1024 * 1024;

  // turn.cc: reading.
  void pollSockets();
  bool runBatch();
  void serveReady(Connection& connection);
  void readSocket(Connection& connection);
  void readLongFrame(Connection& connection);
  void cutCarry(Connection& connection);
  void cutFresh(Connection& connection, uint32_t from, uint32_t end);
  void endOfInput(Connection& connection, ssize_t received, int error);
  void discardInput(Connection& connection);
  void scheduleSoon();
  void markReady(Connection& connection);
  void emit(int32_t kind, const Connection& connection, int32_t offset, int32_t number, int32_t extra);

  // reactor.cc: lives of connections.
  void watch(Connection& connection, uint8_t wanted);
  void unwatch(Connection& connection);
  void finishConnect(Connection& connection);
  void finishConnection(Connection& connection);
  void updateMarks(Connection& connection);
  void advanceClosing(Connection& connection);
  void closeNow(Connection& connection, int32_t reason, int32_t error);
  void startLinger(Connection& connection);
  void onLingerTimer();

  // virtual.cc.
  void deliverVirtual();
  void link(Connection& connection);

  // commands.cc.
  bool executeOne(const int32_t* command);
  const uint8_t* inSpace(int32_t space, int32_t offset, int32_t length) const;
  bool runBuildBlock(const int32_t* command);
  bool runSendBlock(const int32_t* command);
  bool runSendBlockToList(const int32_t* command);
  bool runAckRun(const int32_t* command);
  bool runAckRange(const int32_t* command);

  // What commands ask for.
  void admit(Connection& connection, uint8_t version, uint32_t frameBytesMax);
  void setPaused(Connection& connection, bool paused);
  void beginClose(Connection& connection, uint32_t lingerMs);

  ReactorMemory memory_;
  ReactorHost& host_;
  LoopHandles handles_;
  uv_handle_s* poll_ = nullptr;
  uv_handle_s* idle_ = nullptr;
  uv_handle_s* timer_ = nullptr;
  int epoll_ = -1;
  bool isStarted_ = false;
  bool isClosed_ = false;
  bool isInTurn_ = false;
  bool isInVirtual_ = false;
  bool isSoon_ = false;
  uint64_t startedNs_;
  int32_t tick_ = 0;

  ConnectionTable connections_;
  TopicTable topics_;
  Cutter cutter_;
  Output output_;
  RowBatch batch_;
  uint32_t arenaFill_ = 0;
  std::vector<Connection*> ready_;  // Served in this round,
  std::vector<Connection*> later_;  // and in the next.
  std::vector<Row> events_;         // Rows that arose outside the cutter; they go first in the next batch.
  std::vector<uint32_t> lingering_;
  std::vector<Connection*> linked_;  // Virtual connections with output to deliver.
  struct Notice {
    int32_t kind;
    uint32_t connection;
  };
  std::vector<Notice> notices_;
  std::vector<Space> spaces_;
  std::vector<std::vector<ListEntry>> lists_;
};

}  // namespace robust
