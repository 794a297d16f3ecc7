// From the body of a `fused` node to a Kernel and the arguments of its launch.
#pragma once

#include <vector>

#include "ir/graph.h"
#include "ir/kernel.h"

namespace leat::compiler {

struct BuiltKernel {
  ir::Kernel kernel;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> accesses;
  std::vector<std::uint64_t> scalars;
  std::vector<std::uint32_t> memory_inputs;  // for each memory slot, the parameter of the body
  struct FaultSite {
    std::uint32_t node;                  // of the body
    std::vector<std::uint32_t> outputs;  // of the body, that depend on it
  };
  std::vector<FaultSite> faults;
  std::int64_t elements() const;  // of the whole domain
  std::int64_t parallel_elements() const;
};

/// Fails (unimplemented) where the reduced dimensions do not collapse into one or a view inside is not affine
/// in the domain; the caller then runs the body's ops one by one.
StatusOr<BuiltKernel> build_kernel(const ir::Graph& body);

}  // namespace leat::compiler
