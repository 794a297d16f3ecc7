// A CUDA driver without a GPU, for tests: a shared library that plays the entry points of
// runtime/cuda/driver_abi.h on host memory.
//
// Streams are in-order queues that threads of the library run, each operation after a random delay, so that a
// missing event shows in the values and under TSan. Device memory has addresses that the host cannot touch: a
// stray access ends the process. What is wrong with a call is collected as a complaint: memory that was freed
// or never was, a copy from host memory that is not pinned, a wrong or missing context, handles left behind.
// Nodes of a graph run in a random order that its edges allow. As with a real device, an error of its own
// sticks: from then on every call fails and host functions are not called.
//
//   FakeDriver& fake = load_fake_driver();   // tests/cuda/fake/load.h
//   fake.Reset({.devices = 2});  fake.SetLaunch(...);  ...  EXPECT_EQ(fake.TakeComplaints(), "");
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cuda/driver_abi.h"

namespace leat::fake_cuda {

struct FakeOptions {
  int devices = 1;
  int version = 12040;
  std::int64_t memory_bytes = std::int64_t{256} << 20;  // of each device
  int most_delay_us = 200;                              // before each operation of a stream
  bool memory_pools = true;
};

struct FakeLaunch {
  int device;
  runtime::cuda::CuFunction function;
  unsigned blocks, threads, shared_bytes;
  /// What the first parameter points to, copied when the kernel was launched.
  const std::byte* parameters;
};

/// A node of a graph that was instantiated.
struct FakeGraphNode {
  runtime::cuda::CuFunction function;  // null: a child graph
  std::size_t child_nodes;
  std::vector<std::size_t> after;  // nodes of the same graph
};

class FakeDriver {
 public:
  virtual ~FakeDriver() = default;
  /// Forgets everything. REQUIRES: nobody uses the driver.
  virtual void Reset(const FakeOptions& options) = 0;
  /// What launches do, on the library's threads; a complaint, or "".
  virtual void SetLaunch(std::function<std::string(const FakeLaunch&)> launch) = 0;
  /// Where the host finds [address, address + bytes) of a device, or of pinned memory; null where there is no
  /// such memory. For launches.
  virtual void* HostAddress(std::uint64_t address, std::size_t bytes) = 0;
  /// The whole block that holds an address: where the host finds it, and its bytes; null where there is none.
  virtual std::pair<void*, std::size_t> HostBlock(std::uint64_t address) = 0;
  /// The `nth` call of `entry` ("cuMemAlloc") from now on, from 1, fails with `result`, once.
  virtual void FailCall(const std::string& entry, int nth, runtime::cuda::CuResult result) = 0;
  /// The device fails as after an illegal access of the `nth` launch from now on.
  virtual void FailLaunch(int nth, runtime::cuda::CuResult result) = 0;
  virtual std::map<std::string, std::int64_t> calls() const = 0;  // since Reset
  /// The graphs that are instantiated.
  virtual std::vector<std::vector<FakeGraphNode>> Graphs() const = 0;
  /// Everything that was wrong so far, a line each. Empties the list.
  virtual std::string TakeComplaints() = 0;
  // For libraries on top of the driver (fake/cublas_lt/): they share its calls, failures and complaints.
  /// Counts the call; the result that it shall have at once, if any.
  virtual std::optional<runtime::cuda::CuResult> Enter(const std::string& entry) = 0;
  /// Enter, and the device of the current context must work.
  virtual std::optional<runtime::cuda::CuResult> EnterContext(const std::string& entry, int* device) = 0;
  virtual void Complain(const std::string& what) = 0;
  /// Queues what a call does on a stream of the current context: a complaint, or "".
  virtual runtime::cuda::CuResult QueueOperation(runtime::cuda::CuStream stream, const std::string& call,
                                                 std::function<std::string()> operation) = 0;
  /// Something that Leaks tells of was made (1) or given back (-1).
  virtual void CountAlive(const std::string& what, int change) = 0;
  /// What was made and not given back: "2 events, 1 stream", or "".
  virtual std::string Leaks() const = 0;
};

/// The symbol that the library exports.
extern "C" FakeDriver* leat_fake_driver();

}  // namespace leat::fake_cuda
