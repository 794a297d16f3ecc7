// A fused kernel behind a product, read as an epilogue that cuBLASLt has: residual, bias, relu or gelu.
//
// The library does these on the sum before it is rounded, where the graph rounds after each op; its relu says
// nothing of NaN, and with an epilogue it may sum in another order. So this is done only where
// CompileOptions::library_epilogues allows other bits.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "compiler/compile.h"
#include "runtime/cuda/lt_matmul.h"

namespace leat::compiler {

struct LibraryEpilogue {
  runtime::cuda::LtEpilogue form;
  std::optional<std::uint32_t> bias, residual;  // which parameters of the body they are
};

/// What `body`, the body of a fused node, does with its parameter `product`, a product of `columns` columns.
/// unimplemented where that is no epilogue of the library: the message says why ("cuBLASLt has no ...").
StatusOr<LibraryEpilogue> match_library_epilogue(const ir::Graph& body, std::uint32_t product,
                                                 std::int64_t columns);

/// A product on a GPU, with the kernel that is its epilogue.
struct PlannedEpilogue {
  std::uint32_t product = 0, kernel = 0;  // nodes of the fused graph
  std::shared_ptr<const runtime::cuda::LtMatmul> plan;
  LibraryEpilogue epilogue;
};
/// Those of a fused graph whose nodes are on `device`; at most one for a product, and for a kernel. Of
/// CompileOptions::boundaries those between the two go, and others say why a kernel is no epilogue. An error
/// is one of the device.
StatusOr<std::vector<PlannedEpilogue>> plan_library_epilogues(const ir::Graph& graph,
                                                              const CompileOptions& options,
                                                              const std::vector<std::uint16_t>& device);

}  // namespace leat::compiler
