// What the entry points of the fake driver share: all handles, the memory, the complaints.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cuda/fake/fake_driver.h"
#include "tests/cuda/fake/fake_graph.h"
#include "tests/cuda/fake/fake_memory.h"
#include "tests/cuda/fake/fake_stream.h"

namespace leat::fake_cuda {

using runtime::cuda::CuResult;

struct FakeEvent {
  int device;
  bool timed;
  std::shared_ptr<Ticket> ticket;  // of the last record; null: none yet
};
struct FakeModule {
  int device;
  std::string image;
};
struct FakeFunction {
  FakeModule* module;
  int shared_bytes = 48 << 10;
};
struct FakePool {
  int device;
};
struct FakeDevice {
  int references = 0;                              // of the primary context
  std::atomic<CuResult> error{CuResult::success};  // sticks
};

class State final : public FakeDriver {
 public:
  State() { Reset({}); }
  void Reset(const FakeOptions& options) override;
  void SetLaunch(std::function<std::string(const FakeLaunch&)> launch) override {
    const std::lock_guard lock(mutex);
    launch_ = std::move(launch);
  }
  void* HostAddress(std::uint64_t address, std::size_t bytes) override;
  std::pair<void*, std::size_t> HostBlock(std::uint64_t address) override;
  void FailCall(const std::string& entry, int nth, CuResult result) override;
  void FailLaunch(int nth, CuResult result) override;
  std::map<std::string, std::int64_t> calls() const override {
    const std::lock_guard lock(mutex);
    return calls_;
  }
  std::string TakeComplaints() override {
    const std::lock_guard lock(mutex);
    return std::exchange(complaints_, {});
  }
  std::string Leaks() const override;
  std::vector<std::vector<FakeGraphNode>> Graphs() const override;

  // For the entry points.
  /// Counts the call; the result that it shall have at once, if any.
  std::optional<CuResult> Enter(const std::string& entry) override;
  /// Enter, and the device of the current context must work.
  std::optional<CuResult> EnterContext(const std::string& entry, int* device) override;
  void Complain(const std::string& what) override;  // takes the lock
  CuResult QueueOperation(runtime::cuda::CuStream stream, const std::string& call,
                          std::function<std::string()> operation) override;
  void CountAlive(const std::string& what, int change) override {
    const std::lock_guard lock(mutex);
    alive_[what] += change;
  }
  CuResult Misuse(const std::string& what);  // with the lock held
  /// Queues `operation` unless the device has failed by the time that the stream comes to it.
  void Queue(FakeStream& stream, std::function<void()> operation);
  /// Copies between addresses of any kind. On a stream's thread.
  void Copy(std::uint64_t to, std::uint64_t from, std::size_t bytes, const char* call);
  void Launch(FakeLaunch launch);
  /// Behind what the graph has. With the lock held.
  void AddCaptured(FakeGraph& graph, std::unique_ptr<FakeNode> node);
  bool Works(int device) const {
    return devices[static_cast<std::size_t>(device)]->error == CuResult::success;
  }

  mutable std::mutex mutex;  // guards all that follows
  FakeOptions options;
  std::vector<std::unique_ptr<FakeDevice>> devices;
  FakeMemory memory;
  std::map<void*, std::unique_ptr<FakeStream>> streams;
  std::map<void*, std::unique_ptr<FakeEvent>> events;
  std::map<void*, std::unique_ptr<FakeModule>> modules;
  std::map<void*, std::unique_ptr<FakeFunction>> functions;
  std::map<void*, std::unique_ptr<FakePool>> pools;
  std::map<void*, std::unique_ptr<FakeGraph>> graphs;
  std::map<void*, std::unique_ptr<FakeExec>> execs;
  std::map<FakeStream*, std::unique_ptr<FakeGraph>> captures;  // that are under way
  std::uint64_t made = 0;                                      // streams: seeds of their delays

 private:
  std::function<std::string(const FakeLaunch&)> launch_;
  std::map<std::string, std::int64_t> calls_;
  std::map<std::string, std::pair<int, CuResult>> failures_;
  int fail_launch_ = 0;
  CuResult launch_failure_ = CuResult::success;
  std::string complaints_;
  std::map<std::string, int> alive_;  // of libraries on top
};

State& state();
/// The contexts that are current on this thread, innermost last: device numbers.
std::vector<int>& context_stack();

}  // namespace leat::fake_cuda
