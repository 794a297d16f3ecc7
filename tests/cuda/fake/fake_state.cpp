#include "tests/cuda/fake/fake_state.h"

#include <cstring>

namespace leat::fake_cuda {

State& state() {
  static State* const kState = new State;  // its threads may outlive static destructors
  return *kState;
}

std::vector<int>& context_stack() {
  thread_local std::vector<int> stack;
  return stack;
}

void State::Reset(const FakeOptions& o) {
  std::map<void*, std::unique_ptr<FakeStream>> ending;  // joined without the lock
  {
    const std::lock_guard lock(mutex);
    ending.swap(streams);
  }
  ending.clear();
  const std::lock_guard lock(mutex);
  options = o;
  devices.clear();
  for (int d = 0; d < o.devices; ++d) devices.push_back(std::make_unique<FakeDevice>());
  memory.Clear();
  captures.clear();
  execs.clear();
  graphs.clear();
  events.clear();
  functions.clear();
  modules.clear();
  pools.clear();
  calls_.clear();
  failures_.clear();
  fail_launch_ = 0;
  complaints_.clear();
  alive_.clear();
  launch_ = nullptr;
}

void* State::HostAddress(std::uint64_t address, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  std::uint64_t begin = 0;
  const FakeMemory::Block* block = memory.Find(address, bytes, &begin);
  return block == nullptr ? nullptr : block->host + (address - begin);
}

std::pair<void*, std::size_t> State::HostBlock(std::uint64_t address) {
  const std::lock_guard lock(mutex);
  const FakeMemory::Block* block = memory.Find(address, 1);
  if (block == nullptr) return {nullptr, 0};
  return {block->host, block->bytes};
}

void State::FailCall(const std::string& entry, int nth, CuResult result) {
  const std::lock_guard lock(mutex);
  failures_[entry] = {nth, result};
}

void State::FailLaunch(int nth, CuResult result) {
  const std::lock_guard lock(mutex);
  fail_launch_ = nth;
  launch_failure_ = result;
}

std::string State::Leaks() const {
  const std::lock_guard lock(mutex);
  std::string text;
  const auto count = [&](std::size_t n, const char* what) {
    if (n > 0) text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  };
  std::size_t contexts = 0;
  for (const auto& device : devices) contexts += static_cast<std::size_t>(device->references);
  count(contexts, "contexts");
  count(streams.size(), "streams");
  count(events.size(), "events");
  count(modules.size(), "modules");
  count(pools.size(), "pools");
  count(graphs.size(), "graphs");
  count(execs.size(), "executable graphs");
  count(captures.size(), "captures");
  count(memory.blocks().size(), "blocks of memory");
  for (const auto& [what, n] : alive_) count(static_cast<std::size_t>(n), what.c_str());
  return text;
}

std::optional<CuResult> State::Enter(const std::string& entry) {
  const std::lock_guard lock(mutex);
  ++calls_[entry];
  const auto it = failures_.find(entry);
  if (it == failures_.end() || --it->second.first > 0) return std::nullopt;
  const CuResult result = it->second.second;
  failures_.erase(it);
  return result;
}

std::optional<CuResult> State::EnterContext(const std::string& entry, int* device) {
  if (const auto result = Enter(entry)) return result;
  if (context_stack().empty()) {
    Complain(entry + " without a current context");
    return CuResult::invalid_context;
  }
  *device = context_stack().back();
  const std::lock_guard lock(mutex);
  if (devices[static_cast<std::size_t>(*device)]->references == 0)
    return Misuse(entry + " in a context that was given back");
  const CuResult error = devices[static_cast<std::size_t>(*device)]->error;
  if (error != CuResult::success) return error;
  return std::nullopt;
}

CuResult State::Misuse(const std::string& what) {
  complaints_ += what + "\n";
  return CuResult::invalid_value;
}

void State::Complain(const std::string& what) {
  const std::lock_guard lock(mutex);
  complaints_ += what + "\n";
}

void State::Queue(FakeStream& stream, std::function<void()> operation) {
  FakeDevice* const device = devices[static_cast<std::size_t>(stream.device())].get();
  stream.Push([device, operation = std::move(operation)] {
    if (device->error == CuResult::success) operation();
  });
}

CuResult State::QueueOperation(runtime::cuda::CuStream handle, const std::string& call,
                               std::function<std::string()> operation) {
  const std::lock_guard lock(mutex);
  const auto it = streams.find(handle);
  if (it == streams.end()) return Misuse(call + ": no such stream");
  if (context_stack().empty() || it->second->device() != context_stack().back())
    return Misuse(call + " on a stream of another context");
  if (const auto capture = captures.find(it->second.get()); capture != captures.end()) {
    auto node = std::make_unique<FakeNode>();
    node->call = call;
    node->operation = std::move(operation);
    AddCaptured(*capture->second, std::move(node));
    return CuResult::success;
  }
  Queue(*it->second, [this, call, operation = std::move(operation)] {
    const std::string complaint = operation();
    if (!complaint.empty()) Complain(call + ": " + complaint);
  });
  return CuResult::success;
}

void State::Copy(std::uint64_t to, std::uint64_t from, std::size_t bytes, const char* call) {
  void *target = nullptr, *source = nullptr;
  {
    const std::lock_guard lock(mutex);
    std::uint64_t begin = 0;
    const FakeMemory::Block* block = memory.Find(to, bytes, &begin);
    if (block != nullptr) target = block->host + (to - begin);
    block = memory.Find(from, bytes, &begin);
    if (block != nullptr) source = block->host + (from - begin);
  }
  if (target == nullptr || source == nullptr) {
    Complain(std::string(call) + (target == nullptr ? " to" : " from") + " memory that is not there (" +
             std::to_string(bytes) + " bytes)");
    return;
  }
  std::memcpy(target, source, bytes);
}

void State::AddCaptured(FakeGraph& graph, std::unique_ptr<FakeNode> node) {
  if (!graph.nodes.empty()) node->after = {graph.nodes.size() - 1};
  graph.nodes.push_back(std::move(node));
}

std::vector<std::vector<FakeGraphNode>> State::Graphs() const {
  const std::lock_guard lock(mutex);
  std::vector<std::vector<FakeGraphNode>> all;
  for (const auto& [handle, exec] : execs) {
    all.emplace_back();
    for (const auto& node : exec->graph->nodes) {
      all.back().push_back(
          {node->function, node->child != nullptr ? node->child->nodes.size() : 0, node->after});
    }
  }
  return all;
}

void State::Launch(FakeLaunch launch) {
  std::function<std::string(const FakeLaunch&)> run;
  {
    const std::lock_guard lock(mutex);
    run = launch_;
    if (fail_launch_ > 0 && --fail_launch_ == 0) {
      devices[static_cast<std::size_t>(launch.device)]->error = launch_failure_;
      return;
    }
  }
  const std::string complaint = run ? run(launch) : "a launch, and nobody said what it does";
  if (!complaint.empty()) Complain("launch: " + complaint);
}

}  // namespace leat::fake_cuda
