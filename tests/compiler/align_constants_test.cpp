#include "compiler/align_constants.h"

#include "tests/compiler/odd_constants.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

// Where the constants of a program are in memory, in the order of its buffers.
std::vector<const std::byte*> constants(const runtime::Program& program) {
  std::vector<const std::byte*> found;
  for (const runtime::BufferInfo& b : program.buffers) {
    if (b.kind == runtime::BufferInfo::Kind::constant) found.push_back(b.data.get());
  }
  return found;
}

TEST(AlignConstants, AreCopiedForThoseWhoCannotReadThemOnly) {
  struct Case {
    const char* text;
    bool stays;
  };
  // The second input is the constant.
  const Case kCases[] = {
      {"%x: f32[40,33]\n%w: f32[33,40]\n%y = matmul %x %w\n", true},
      {"%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = tanh %p\n", true},
      {"%x: f32[40,33]\n%w: f32[40,33]\n%t = transpose %w {dims=[1, 0]}\n%y = matmul %x %t\n", true},
      {"%x: i64[7]\n%w: f32[33,40]\n%i = sub %x %x\n%y = gather %w %i {axis=0}\n", true},
      {"%x: f32[33,40]\n%w: f32[33,40]\n%y = add %x %w\n", false},
      {"%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = reduce_sum %w {dims=[0]}\n"
       "%z = concat %p %w {axis=0}\n",
       false},
      {"graph @g(%x: f32[40,33], %w: f32[33,40]) -> (f32[40,40], f32[33,40]) {\n%y = matmul %x %w\n"
       "return %y, %w\n}",
       false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const ir::Graph open = testing::parse(c.text);
    std::vector<ir::Array> inputs = testing::random_inputs(open, 1);
    const ir::Graph graph = testing::with_odd_constants(open, inputs, [](std::size_t p) { return p == 1; });
    CompileOptions options = testing::exact_options();
    options.simplify = false;  // nothing is computed in advance
    const auto program = testing::check_program(graph, options);
    ASSERT_NE(program, nullptr);
    const std::vector<const std::byte*> data = constants(*program);
    ASSERT_EQ(data.size(), 1u);
    const std::byte* const given =
        graph.nodes[open.parameters[1]].attrs().literal(ir::Attr::value).bytes.get();
    EXPECT_EQ(data[0] == given, c.stays);
    if (!c.stays) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data[0]) % 4, 0u);
    }
  }
}

}  // namespace
}  // namespace leat::compiler
