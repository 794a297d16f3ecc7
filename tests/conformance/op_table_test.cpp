// The op table's conformance: every op x every dtype x {interpreter, tile tier, machine code}, to the bit.
//
// A row of ir/ops.def is a test here by itself; one without a generator of cases fails by name. Every case
// runs on tiles; as machine code, at the host's widest vectors, run those that a few kernels per op and dtype
// serve (LLVM takes 10 ms a kernel). LEAT_LONG=1 compiles them all, at 128, 256 and 512 bits:
//
//   LEAT_LONG=1 conformance_test --gtest_filter='*OpTable*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "compiler/compile.h"
#include "ir/printer.h"
#include "runtime/program/sequential_run.h"
#include "tests/compiler/tile_code_cache.h"
#include "tests/conformance/op_cases.h"
#include "tests/conformance/random_graph.h"

namespace leat {
namespace {

/// One width's machine code for one op, and how many more kernels may be compiled for the current dtype.
struct MachineCode {
  std::string what;
  std::unique_ptr<compiler::CodeCache> cache;
  int budget = 0;
  std::uint64_t kernel_runs = 0;
};

using Outcome = StatusOr<std::vector<ir::Array>>;

Outcome run(const runtime::Program& program, const testing::OpCase& c) {
  std::vector<ir::Array> inputs = c.inputs, outputs;
  std::vector<void*> in, out;
  for (ir::Array& a : inputs) in.push_back(a.bytes.get());
  for (ir::Value v : c.graph.outputs) {
    outputs.push_back(ir::Array::Zeros(c.graph.type(v)));
    out.push_back(outputs.back().bytes.get());
  }
  if (Status s = runtime::SequentialRun(program).Run(in, out); !s.ok()) return s;
  return outputs;
}

std::string difference(const Outcome& expected, const Outcome& actual) {
  if (expected.status().code() != actual.status().code()) {
    return "expected \"" + expected.status().ToString() + "\", got \"" + actual.status().ToString() + "\"";
  }
  for (std::size_t o = 0; expected.ok() && o < expected->size(); ++o) {
    std::string at = testing::compare_bits((*expected)[o], (*actual)[o]);
    if (!at.empty()) return "output " + std::to_string(o) + ": " + at;
  }
  return "";
}

StatusOr<std::shared_ptr<const runtime::Program>> compile(const testing::OpCase& c,
                                                          compiler::CodeCache& code) {
  compiler::CompileOptions options;
  options.exact_contractions = true;
  options.reuse_from_bytes = 0;
  options.tier = compiler::Tier::tiles;
  options.devices.resize(2);
  options.devices[1].name = "cpu:1";
  options.custom_call = [](std::string_view target) -> const ir::CustomFunction* {
    const auto& functions = testing::case_functions();
    const auto found = functions.find(std::string(target));
    return found == functions.end() ? nullptr : &found->second;
  };
  return compiler::compile(c.graph, options, code);
}

std::vector<std::shared_ptr<runtime::KernelCode>> kernels_of(const runtime::Program& program) {
  std::vector<std::shared_ptr<runtime::KernelCode>> kernels;
  for (const runtime::Step& step : program.steps) {
    if (!step.body || step.body->kind() != "kernel") continue;
    kernels.push_back(static_cast<const runtime::KernelStep&>(*step.body).code());
  }
  return kernels;
}

void check_tiles(const testing::OpCase& c, const Outcome& expected, compiler::CodeCache& tiles) {
  const auto program = compile(c, tiles);
  ASSERT_TRUE(program.ok()) << program.status().ToString();
  ASSERT_EQ(difference(expected, run(**program, c)), "") << runtime::print(**program);
}

void check_machine_code(const testing::OpCase& c, const Outcome& expected, MachineCode& code) {
  const auto program = compile(c, *code.cache);
  ASSERT_TRUE(program.ok()) << program.status().ToString();
  const auto kernels = kernels_of(**program);
  int missing = 0;
  for (const auto& kernel : kernels) missing += kernel->compiled() ? 0 : 1;
  if (kernels.empty() || missing > code.budget) return;
  code.budget -= missing;
  for (const auto& kernel : kernels) {
    const Status status = code.cache->CompileNow(kernel);
    ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << ir::print(kernel->kernel());
    ASSERT_TRUE(kernel->compiled());
    ++code.kernel_runs;
  }
  ASSERT_EQ(difference(expected, run(**program, c)), "") << runtime::print(**program);
}

int kernel_budget(ir::Op op) {
  if (std::getenv("LEAT_LONG") != nullptr) return 1 << 20;
  return op == ir::Op::convert || op == ir::Op::bitcast ? 16 : 3;
}

class OpTable : public ::testing::TestWithParam<ir::Op> {};

TEST_P(OpTable, HasOneMeaning) {
  const ir::Op op = GetParam();
  ir::InterpretOptions interpret_options;
  interpret_options.custom_calls = &testing::case_functions();
  std::vector<MachineCode> codes;
  const bool all = std::getenv("LEAT_LONG") != nullptr;
  for (int bits : all ? std::vector<int>{128, 256, 512} : std::vector<int>{0}) {
    compiler::CodeOptions options;
    options.vector_bits = bits;
    codes.push_back(
        {"machine code, vector_bits=" + std::to_string(bits), compiler::make_code_cache(options)});
  }
  testing::TileCodeCache tiles;
  std::uint64_t checked = 0;
  for (int d = 0; d < kDTypeCount; ++d) {
    const auto dtype = static_cast<DType>(d);
    SCOPED_TRACE(std::string(name(op)) + " of " + std::string(name(dtype)));
    testing::OpCases cases = testing::op_cases(op, dtype);
    if (!testing::op_accepts(op, dtype)) {
      EXPECT_FALSE(cases.rejected.ok()) << "inference takes a dtype that the op table does not list";
      EXPECT_TRUE(cases.cases.empty());
      continue;
    }
    ASSERT_TRUE(cases.rejected.ok()) << cases.rejected.ToString();
    ASSERT_FALSE(cases.cases.empty())
        << "op " << name(op) << " has no case generator: add one to tests/conformance/op_cases_*.cpp";
    // In an order of their own, so that each dtype has other kernels within its budget.
    std::mt19937 random(static_cast<unsigned>(d));
    std::shuffle(cases.cases.begin(), cases.cases.end(), random);
    for (MachineCode& code : codes) code.budget = kernel_budget(op);
    for (const testing::OpCase& c : cases.cases) {
      SCOPED_TRACE(c.what + "\n" + ir::print(c.graph, {.max_literal_elements = 40}));
      const Outcome expected = ir::interpret(c.graph, c.inputs, interpret_options);
      check_tiles(c, expected, tiles);
      if (HasFatalFailure()) return;
      for (MachineCode& code : codes) {
        SCOPED_TRACE(code.what);
        check_machine_code(c, expected, code);
        if (HasFatalFailure()) return;
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 0u);
  const ir::OpInfo& info = ir::op_info(op);
  for (const MachineCode& code : codes) {
    EXPECT_EQ(code.cache->stats().failures, 0u) << code.what;
    if (info.elementwise() || info.family == ir::Family::reduce || info.family == ir::Family::view) {
      EXPECT_GT(code.kernel_runs, 0u) << code.what;
    }
  }
}

std::vector<ir::Op> every_op() {
  std::vector<ir::Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) ops.push_back(info.op);
  return ops;
}

INSTANTIATE_TEST_SUITE_P(Ops, OpTable, ::testing::ValuesIn(every_op()),
                         [](const auto& test) { return std::string(ir::name(test.param)); });

}  // namespace
}  // namespace leat
