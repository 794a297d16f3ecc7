// include/leat/elementwise.h is what the op table says. LEAT_UPDATE=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ir/ops.h"

namespace leat {
namespace {

constexpr std::string_view kOpening =
    R"(// The elementwise functions, one per row of the op table (ir/ops.def). Generated: tests/frontend/
// elementwise_header_test.cpp compares this file with the table, and writes it anew with LEAT_UPDATE=1.
//
// Operands broadcast as in NumPy; C++ scalars take the tensor's dtype; mixed dtypes are promoted. Wrong
// shapes or dtypes throw leat::Error (invalid_argument) at the line of the call.
//
//   Tensor y = maximum(exp(x) - 1, 0);
#pragma once

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

)";

std::string generate() {
  std::string text(kOpening);
  for (const ir::OpInfo& info : ir::all_ops()) {
    int operands = 0;
    switch (info.family) {
      case ir::Family::unary:
      case ir::Family::classify: operands = 1; break;
      case ir::Family::binary:
      case ir::Family::compare: operands = 2; break;
      case ir::Family::ternary: operands = info.op == ir::Op::clamp ? 0 : 3; break;  // clamp: in ops.h
      default: break;
    }
    if (operands == 0) continue;
    text += "/// " + std::string(info.summary) + ". Takes " + std::string(ir::describe(info.types)) +
            ".\nTensor " + std::string(info.name) + "(const Operand& x";
    if (operands > 1) text += ", const Operand& y";
    if (operands > 2) text += ", const Operand& z";
    text += ");\n";
  }
  return text + "\n}  // namespace leat\n#pragma GCC visibility pop\n";
}

TEST(ElementwiseHeader, MatchesTheTable) {
  const std::string path = LEAT_SOURCE_DIR "/include/leat/elementwise.h";
  if (std::getenv("LEAT_UPDATE") != nullptr) std::ofstream(path) << generate();
  std::ifstream in(path);
  std::stringstream have;
  have << in.rdbuf();
  EXPECT_EQ(have.str(), generate());
}

}  // namespace
}  // namespace leat
