// Golden files: a graph's text, and its text after each pass; for a few graphs, the program and its memory
// plan.
//
// <case>.leat is the input, <case>.<stage>.txt what is expected. To accept what the compiler does now, and
// then to read the difference:
//
//   LEAT_UPDATE=1 compiler_test --gtest_filter='*Golden*' && git diff tests/golden
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>

#include "compiler/compile.h"
#include "compiler/passes/passes.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "tests/compiler/tile_code_cache.h"

namespace leat {
namespace {

const std::vector<std::string> kDevices = {"cpu:0", "cpu:1"};

/// An engine that works on blocks of 8 channels, whatever the machine.
runtime::cpu::ConvolutionLayouts eights(const runtime::cpu::ConvolutionDescriptor& d) {
  runtime::cpu::ConvolutionLayouts layouts;
  layouts.block = 8;
  layouts.x = d.channels % 8 == 0;
  layouts.out = layouts.wanted = true;
  return layouts;
}

using Pass = std::function<ir::Graph(const ir::Graph&)>;

/// What the compiler runs up to `place_nodes`, in its order.
ir::Graph cleaned(const ir::Graph& graph) {
  ir::Graph g = compiler::eliminate_dead_nodes(graph);
  g = compiler::eliminate_common_subexpressions(compiler::simplify_algebra(compiler::fold_constants(g)));
  g = compiler::normalize_contractions(compiler::normalize_reductions(g));
  return compiler::eliminate_dead_nodes(g);
}

const std::map<std::string, Pass>& passes() {
  static const auto* const kPasses = new std::map<std::string, Pass>{
      {"eliminate_dead_nodes", compiler::eliminate_dead_nodes},
      {"eliminate_common_subexpressions", compiler::eliminate_common_subexpressions},
      {"fold_constants", [](const ir::Graph& g) { return compiler::fold_constants(g); }},
      {"simplify_algebra", compiler::simplify_algebra},
      {"normalize_reductions", compiler::normalize_reductions},
      {"normalize_contractions", compiler::normalize_contractions},
      {"place_nodes", [](const ir::Graph& g) { return compiler::place_nodes(g, kDevices); }},
      {"assign_layouts",
       [](const ir::Graph& g) {
         return compiler::eliminate_dead_nodes(compiler::assign_layouts(cleaned(g), kDevices, eights));
       }},
      {"fuse_groups", [](const ir::Graph& g) { return compiler::fuse_groups(cleaned(g)); }},
  };
  return *kPasses;
}

/// The program and the memory plan, without what depends on the machine or is tuned: estimates, and how a
/// contraction is cut.
std::string program_text(const ir::Graph& graph) {
  testing::TileCodeCache code;
  compiler::CompileOptions options;
  options.tier = compiler::Tier::tiles;
  options.exact_contractions = true;
  options.reuse_from_bytes = 0;
  options.devices.resize(2);
  options.devices[1].name = "cpu:1";
  const auto program = compiler::compile(graph, options, code);
  if (!program.ok()) return program.status().ToString() + "\n";
  std::string text = runtime::print(**program);
  text = std::regex_replace(text, std::regex("( units [0-9]+ grain [0-9]+)? cost [^ ]+ rank [^ \n]+"), "");
  text = std::regex_replace(text, std::regex("\n +(matmul|convolution|attention)[^\n]*"), "\n    $1 ...");
  return text + runtime::print_memory(**program);
}

struct Golden {
  const char* input;
  const char* stage;  // a pass, or "program"
};

constexpr Golden kGolden[] = {
    {"dead_nodes", "eliminate_dead_nodes"},
    {"constants", "fold_constants"},
    {"algebra", "simplify_algebra"},
    {"common", "eliminate_common_subexpressions"},
    {"reductions", "normalize_reductions"},
    {"contractions", "normalize_contractions"},
    {"two_devices", "place_nodes"},
    {"two_devices", "program"},
    {"chain", "fuse_groups"},
    {"chain", "program"},
    {"softmax", "fuse_groups"},
    {"softmax", "program"},
    {"layer_norm", "fuse_groups"},
    {"layer_norm", "program"},
    {"matmul_bias_gelu", "fuse_groups"},
    {"matmul_bias_gelu", "program"},
    {"attention", "fuse_groups"},
    {"attention", "program"},
    {"conv_relu", "fuse_groups"},
    {"conv_relu", "program"},
    {"residual", "assign_layouts"},
};

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class GoldenFiles : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenFiles, AreWhatTheCompilerMakes) {
  const std::string folder = std::string(LEAT_SOURCE_DIR) + "/tests/golden/";
  const std::string input = folder + GetParam().input + ".leat";
  const std::string golden = folder + GetParam().input + "." + GetParam().stage + ".txt";
  const std::optional<std::string> source = read_file(input);
  ASSERT_TRUE(source.has_value()) << "no input " << input;
  const StatusOr<ir::Graph> graph = ir::parse(*source, GetParam().input);
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  std::string text;
  if (std::string(GetParam().stage) == "program") {
    text = program_text(*graph);
  } else {
    const ir::Graph after = passes().at(GetParam().stage)(*graph);
    ASSERT_TRUE(ir::verify(after).ok()) << ir::verify(after).ToString();
    text = ir::print(after, {.locations = false});
  }
  if (std::getenv("LEAT_UPDATE") != nullptr) {
    std::ofstream file(golden, std::ios::binary);
    file << text;
    ASSERT_TRUE(file.flush()) << "cannot write " << golden;
    return;
  }
  const std::optional<std::string> expected = read_file(golden);
  ASSERT_TRUE(expected.has_value()) << "no golden file " << golden << "; LEAT_UPDATE=1 makes it:\n" << text;
  EXPECT_EQ(*expected, text) << "LEAT_UPDATE=1 accepts it";
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenFiles, ::testing::ValuesIn(kGolden), [](const auto& test) {
  return std::string(test.param.input) + "_" + test.param.stage;
});

}  // namespace
}  // namespace leat
