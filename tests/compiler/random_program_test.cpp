// Random graphs through the compiler's variants, against the interpreter, bit for bit.
#include <gtest/gtest.h>

#include <cstdlib>

#include "compiler/compile.h"
#include "ir/printer.h"
#include "runtime/program/sequential_run.h"
#include "tests/compiler/odd_constants.h"
#include "tests/compiler/tile_code_cache.h"
#include "tests/conformance/random_graph.h"

namespace leat {
namespace {

struct Variant {
  const char* name;
  bool simplify, fuse, reuse;
  int workers;
  bool bound = false;  // every other input is a constant, at an odd address
};

constexpr Variant kVariants[] = {
    {"fused", true, true, true, 1},
    {"fused for 4 workers", true, true, true, 4},
    {"one op per kernel", true, false, false, 1},
    {"not simplified", false, true, true, 2},
    {"constants at odd addresses", false, true, true, 2, true},
};

// LEAT_SEED is the first graph, and the only one unless LEAT_GRAPHS says how many.
std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

TEST(RandomProgram, EveryVariantHasTheInterpretersBits) {
  const std::uint64_t first = from_environment("LEAT_SEED", 1);
  const std::uint64_t count = from_environment("LEAT_GRAPHS", std::getenv("LEAT_SEED") != nullptr ? 1 : 1000);
  std::uint64_t compared = 0, faulted = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph all_open = testing::random_graph(seed);
    const std::vector<ir::Array> all_inputs = testing::random_inputs(all_open, seed);
    const StatusOr<std::vector<ir::Array>> expected = ir::interpret(all_open, all_inputs);
    for (const Variant& variant : kVariants) {
      SCOPED_TRACE(variant.name);
      std::vector<ir::Array> inputs = all_inputs;
      const ir::Graph graph = variant.bound ? testing::with_odd_constants(
                                                  all_open, inputs, [](std::size_t p) { return p % 2 == 0; })
                                            : all_open;
      testing::TileCodeCache code;
      compiler::CompileOptions options;
      options.exact_contractions = true;
      options.simplify = variant.simplify;
      options.fuse = variant.fuse;
      options.reuse_memory = variant.reuse;
      options.reuse_from_bytes = 0;
      options.tier = compiler::Tier::tiles;
      options.devices[0].workers = variant.workers;
      const auto program = compiler::compile(graph, options, code);
      ASSERT_TRUE(program.ok()) << program.status().ToString() << "\n" << ir::print(graph);
      std::vector<void*> in, out;
      std::vector<ir::Array> outputs;
      for (ir::Array& a : inputs) in.push_back(a.bytes.get());
      for (ir::Value v : graph.outputs) {
        outputs.push_back(ir::Array::Zeros(graph.type(v)));
        out.push_back(outputs.back().bytes.get());
      }
      const Status status = runtime::SequentialRun(**program).Run(in, out);
      ASSERT_EQ(status.ok(), expected.ok()) << status.ToString() << "\n" << ir::print(graph);
      if (!status.ok()) {
        ++faulted;
        continue;
      }
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        ASSERT_EQ(testing::compare_bits((*expected)[o], outputs[o]), "")
            << "output " << o << "\n"
            << ir::print(graph) << runtime::print(**program);
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, std::size(kVariants) * count - faulted);  // a check that compares nothing is none
  EXPECT_LT(faulted, compared / 10 + 1);
}

}  // namespace
}  // namespace leat
