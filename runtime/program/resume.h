// How a device tells the executor that a step which was handed to it is done.
//
// Plain data that may be called once from any thread, also one that must not run code of the engine: it only
// puts the rest of the step into a queue.
#pragma once

#include <cstdint>

namespace leat::runtime {

struct Resume {
  void (*function)(void* engine, std::uint64_t item) = nullptr;
  void* engine = nullptr;
  std::uint64_t item = 0;
  void operator()() const { function(engine, item); }
};

}  // namespace leat::runtime
