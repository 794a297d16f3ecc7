// Every 16-bit floating value through every unary op, as the interpreter, the tile tier and machine code
// compute it.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "compiler/compile.h"
#include "ir/inference.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "runtime/program/sequential_run.h"
#include "tests/compiler/tile_code_cache.h"
#include "tests/conformance/random_graph.h"

namespace leat {
namespace {

constexpr int kValues = 65536;

std::vector<ir::Array> run(const ir::Graph& graph, const ir::Array& input, compiler::CodeCache& code,
                           compiler::Tier tier) {
  compiler::CompileOptions options;
  options.tier = tier;
  const auto program = compiler::compile(graph, options, code);
  EXPECT_TRUE(program.ok()) << program.status().ToString();
  if (!program.ok()) return {};
  std::vector<ir::Array> outputs;
  std::vector<void*> in = {input.bytes.get()}, out;
  for (ir::Value v : graph.outputs) {
    outputs.push_back(ir::Array::Zeros(graph.type(v)));
    out.push_back(outputs.back().bytes.get());
  }
  const Status s = runtime::SequentialRun(**program).Run(in, out);
  EXPECT_TRUE(s.ok()) << s.ToString();
  return outputs;
}

// One graph for all, each op an output: the ops of the table that take one operand, and convert to each
// dtype.
class EveryHalf : public ::testing::TestWithParam<ir::Op> {};

TEST_P(EveryHalf, HasTheInterpretersBits) {
  const ir::Op op = GetParam();
  testing::TileCodeCache tiles;
  const auto machine_code = compiler::make_code_cache({});
  int compared = 0;
  for (const DType dtype : {DType::f16, DType::bf16}) {
    if (!ir::accepts(ir::op_info(op).types, dtype)) continue;
    const std::string type = absl::StrCat(std::string(name(dtype)), "[", kValues, "]");
    std::vector<std::string> statements;
    if (op == ir::Op::convert || op == ir::Op::bitcast) {
      for (int d = 0; d < kDTypeCount; ++d) {
        const auto to = static_cast<DType>(d);
        if (op == ir::Op::bitcast && byte_size(to) != 2) continue;
        statements.push_back(absl::StrCat(std::string(name(op)), " %x {dtype=", std::string(name(to)), "}"));
      }
    } else {
      statements.push_back(absl::StrCat(std::string(name(op)), " %x"));
    }
    for (const std::string& statement : statements) {
      SCOPED_TRACE(statement + " of " + type);
      const auto graph = ir::parse(absl::StrCat("%x: ", type, "\n%0 = ", statement, "\nreturn %0"));
      ASSERT_TRUE(graph.ok()) << graph.status().ToString();
      std::vector<ir::Array> inputs = {ir::Array::Zeros({dtype, {kValues}})};
      auto* const values = reinterpret_cast<std::uint16_t*>(inputs[0].bytes.get());
      for (int i = 0; i < kValues; ++i) values[i] = static_cast<std::uint16_t>(i);
      const auto expected = ir::interpret(*graph, inputs);
      ASSERT_TRUE(expected.ok()) << expected.status().ToString();
      const auto on_tiles = run(*graph, inputs[0], tiles, compiler::Tier::tiles);
      ASSERT_EQ(testing::compare_bits((*expected)[0], on_tiles[0]), "") << "tiles";
      const auto compiled = run(*graph, inputs[0], *machine_code, compiler::Tier::machine_code);
      ASSERT_EQ(testing::compare_bits((*expected)[0], compiled[0]), "") << "machine code";
      ++compared;
    }
  }
  EXPECT_EQ(machine_code->stats().compiled > 0, compared > 0);
  EXPECT_EQ(compared > 0, ir::accepts(ir::op_info(op).types, DType::f16));
}

std::vector<ir::Op> unary_ops() {
  std::vector<ir::Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) {
    if (info.elementwise() && ir::operand_count(info.op) == 1) ops.push_back(info.op);
  }
  return ops;
}

INSTANTIATE_TEST_SUITE_P(All, EveryHalf, ::testing::ValuesIn(unary_ops()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

}  // namespace
}  // namespace leat
