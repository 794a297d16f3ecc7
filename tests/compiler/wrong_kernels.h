// A CodeCache of the tile tier whose kernels compute another op: what check_graph has to find.
#pragma once

#include <functional>

#include "tests/compiler/tile_code_cache.h"

namespace leat::testing {

class WrongKernels final : public TileCodeCache {
 public:
  /// In the kernels of which `in` holds (all, if it is empty), `from` is computed as `to`.
  WrongKernels(ir::Op from, ir::Op to, std::function<bool(const ir::Kernel&)> in = {})
      : from_(from), to_(to), in_(std::move(in)) {}
  std::shared_ptr<runtime::KernelCode> Get(const ir::Kernel& kernel) override {
    ir::Kernel wrong = kernel;
    for (ir::Kernel::Instruction& i : wrong.body) {
      if (i.op == from_ && (!in_ || in_(kernel))) i.op = to_;
    }
    return TileCodeCache::Get(wrong);
  }

 private:
  const ir::Op from_, to_;
  const std::function<bool(const ir::Kernel&)> in_;
};

}  // namespace leat::testing
