#include "compiler/attach_epilogues.h"

#include "runtime/cpu/blocked_kernel.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

std::vector<std::string> names(const runtime::Program& program) {
  std::vector<std::string> list;
  for (const runtime::Step& step : program.steps) list.push_back(step.name);
  return list;
}

TEST(AttachEpilogues, BiasAndActivationRunOnEachPanel) {
  const ir::Graph graph = testing::parse(
      "%x: f32[70,33]\n%w: f32[33,40]\n%b: f32[40]\n%p = matmul %x %w\n"
      "%bb = broadcast %b {dims=[1]} : f32[70,40]\n%s = add %p %bb\n%y = tanh %s\n");
  const auto program = testing::check_program(graph, testing::exact_options());
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(names(*program), std::vector<std::string>{"matmul+add+tanh"}) << runtime::print(*program);
}

TEST(AttachEpilogues, RowReductionsTooAndTheProductMayBeAnOutput) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[70,33], %w: f32[33,40]) -> (f32[70,40], f32[70]) {\n%p = matmul %x %w\n"
      "%e = exp %p\n%s = reduce_sum %e {dims=[1]}\nreturn %p, %s\n}");
  const auto program = testing::check_program(graph, testing::exact_options());
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->steps.size(), 1u) << runtime::print(*program);
}

TEST(AttachEpilogues, WhatReadsTheProductInAnotherOrderWaitsForAllOfIt) {
  const char* const kGraphs[] = {
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%t = transpose %p {dims=[1, 0]}\n%y = add %p %t\n",
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%r = reverse %p {dims=[0]}\n%y = exp %r\n",
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = reduce_sum %p {dims=[0]}\n",
  };
  for (const char* text : kGraphs) {
    SCOPED_TRACE(text);
    const auto program = testing::check_program(testing::parse(text), testing::exact_options());
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->steps.size(), 2u) << runtime::print(*program);
  }
}

TEST(AttachEpilogues, WhatNeedsALaterValueWaitsForIt) {
  const ir::Graph graph = testing::parse(
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%q = matmul %p %p\n%y = add %p %q\n");
  const auto program = testing::check_program(graph, testing::exact_options());
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(names(*program), (std::vector<std::string>{"matmul", "matmul+add"})) << runtime::print(*program);
}

// A cache that notes what it is asked to compile.
class AskedCache final : public testing::TileCodeCache {
 public:
  void Compile(const std::shared_ptr<runtime::KernelCode>& code) override {
    asked.push_back(ir::print(code->kernel()));
  }
  std::vector<std::string> asked;
};

TEST(AttachEpilogues, EpiloguesOfAProgramThatIsUsedAgainGetMachineCodeToo) {
  const ir::Graph graph = testing::parse(
      "%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = tanh %p\n%t = transpose %y {dims=[1, 0]}\n"
      "%z = exp %t\n");
  AskedCache code;
  const auto program = compile(graph, testing::exact_options(), code);
  ASSERT_TRUE(program.ok());
  ASSERT_EQ(names(**program), (std::vector<std::string>{"matmul+tanh", "exp"}));
  EXPECT_TRUE(code.asked.empty());
  request_machine_code(**program, code);
  ASSERT_EQ(code.asked.size(), 2u);
  EXPECT_NE(code.asked[0].find("tanh"), std::string::npos) << code.asked[0];
  EXPECT_NE(code.asked[1].find("exp"), std::string::npos) << code.asked[1];
}

// The planes of a convolution's blocks are cut into parts, and so is what follows on each.
TEST(AttachEpilogues, PanelsThatArePartsOfPlanes) {
  if (runtime::cpu::blocked_kernel(runtime::cpu::host_isa()) == nullptr) {
    GTEST_SKIP() << "tiles need AVX2";
  }
  CompileOptions options = testing::exact_options();
  options.exact_contractions = false;  // tiles have the interpreter's bits anyway
  for (const char* const batch : {"1", "3"}) {
    std::string text =
        "%x: f32[N,16,41,40]\n%w: f32[32,16,3,3]\n%v: f32[48,32,1,1]\n%b: f32[48]\n"
        "%p = convolution %x %w {strides=[1, 1], low=[1, 1], high=[1, 1], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=1}\n"
        "%r = tanh %p\n"
        "%q = convolution %r %v {strides=[1, 1], low=[0, 0], high=[0, 0], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=1}\n"
        "%bq = broadcast %b {dims=[1]} : f32[N,48,41,40]\n%s = add %q %bq\n"
        "%t = tanh %s\n"
        "%u = convolution %t %y {strides=[1, 1], low=[1, 1], high=[1, 1], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=48}\n";
    text.insert(0, "%y: f32[48,1,3,3]\n");
    for (std::size_t at = 0; (at = text.find('N', at)) != std::string::npos;) text.replace(at, 1, batch);
    const auto program = testing::check_program(testing::parse(text), options);
    ASSERT_NE(program, nullptr);
    int parts = 0;
    for (const runtime::Step& step : program->steps) {
      const std::string body = step.body->ToString();
      if (body.find("tiles(") == std::string::npos || body.find(" then map") == std::string::npos) continue;
      if (body.find(" parts=1 ") == std::string::npos) ++parts;
    }
    EXPECT_EQ(parts, 2) << runtime::print(*program);
  }
}

// What a convolution on tiles does itself while its sums are in registers, and what it leaves to a kernel.
TEST(AttachEpilogues, ConvolutionsOnTilesFinishTheirSums) {
  if (runtime::cpu::blocked_kernel(runtime::cpu::host_isa()) == nullptr) {
    GTEST_SKIP() << "tiles need AVX2";
  }
  const std::string attributes = "input_dilation=[1, 1], dilation=[1, 1], groups=1}\n";
  const std::string begin =
      "%x: f32[N,16,21,20]\n%w: f32[32,16,3,3]\n%v: f32[48,32,1,1]\n%u: f32[48,32,1,1]\n%b: f32[48]\n"
      "%a = convolution %x %w {strides=[1, 1], low=[1, 1], high=[1, 1], " +
      attributes + "%t = tanh %a\n%p = convolution %t %v {strides=[1, 1], low=[0, 0], high=[0, 0], " +
      attributes;
  const std::string shortcut =
      "%q = convolution %t %u {strides=[1, 1], low=[0, 0], high=[0, 0], " + attributes;
  const std::string end =
      "%y: f32[8,48,3,3]\n%l = convolution %r %y {strides=[2, 2], low=[1, 1], high=[1, 1], " + attributes;
  const std::string constant = [] {
    std::string text = "%c = constant {value=[";
    for (int i = 0; i < 48; ++i) text += (i > 0 ? ", " : "") + std::to_string(i) + ".5";
    return text + "]} : f32[48]\n%cc = broadcast %c {dims=[1]} : f32[N,48,21,20]\n";
  }();
  const std::string bias = "%bb = broadcast %b {dims=[1]} : f32[N,48,21,20]\n";
  const auto number = [](const std::string& name, const std::string& value) {
    return "%" + name + "0 = constant {value=" + value + "} : f32[]\n%" + name + " = broadcast %" + name +
           "0 {dims=[]} : f32[N,48,21,20]\n";
  };
  struct Tail {
    std::string text;
    const char* finished;  // "" where a kernel does it
  };
  const Tail tails[] = {
      {bias + "%r = add %p %bb\n", "+channel"},
      {constant + "%r = add %cc %p\n", "+channel"},
      {number("z", "0") + "%r = maximum %z %p\n", "max 0"},
      {bias + number("z", "0") + number("h", "6") +
           "%s = add %p %bb\n%m = maximum %s %z\n%r = minimum %m %h\n",
       "+channel max 0 min 6"},
      {constant + shortcut + "%s = add %q %cc\n%r = add %p %s\n", "+channel +array"},
      {constant + shortcut + "%s = add %p %cc\n%r = add %q %s\n", "+(array+channel)"},
      {constant + bias + shortcut + number("z", "-1") +
           "%s = add %q %bb\n%o = add %p %cc\n%m = add %s %o\n%r = maximum %m %z\n",
       "+channel +(array+channel) max -1"},
      {shortcut + "%r = add %p %q\n", "+array"},
      // In another order, with another op, or a bound that is no number: other bits.
      {constant + shortcut + "%s = add %p %q\n%r = add %s %cc\n", ""},
      {number("z", "0") + number("h", "6") + "%m = minimum %p %h\n%r = maximum %m %z\n", ""},
      {constant + "%r = mul %p %cc\n", ""},
      {"%r = add %p %p\n", ""},
      {number("z", "nan") + "%r = maximum %p %z\n", ""},
      {number("z", "-0.0") + "%r = minimum %p %z\n", ""},
  };
  CompileOptions options = testing::exact_options();
  options.exact_contractions = false;  // tiles have the interpreter's bits anyway
  for (const char* const batch : {"1", "3"}) {
    for (const Tail& tail : tails) {
      std::string text = begin + tail.text + end;
      SCOPED_TRACE(text);
      for (std::size_t at = 0; (at = text.find('N', at)) != std::string::npos;) text.replace(at, 1, batch);
      const auto program = testing::check_program(testing::parse(text), options);
      ASSERT_NE(program, nullptr);
      const std::string last = *tail.finished == '\0' ? " then map" : std::string(" then ") + tail.finished;
      const auto is_last = [&](const runtime::Step& step) { return step.body->ToString().ends_with(last); };
      const bool kernel =
          std::any_of(program->steps.begin(), program->steps.end(), [](const runtime::Step& s) {
            return s.name.find("+") != std::string::npos &&
                   s.body->ToString().find(" then map") != std::string::npos &&
                   s.name.find("tanh") == std::string::npos;
          });
      EXPECT_EQ(kernel, *tail.finished == '\0') << runtime::print(*program);
      if (*tail.finished != '\0') {
        EXPECT_TRUE(std::any_of(program->steps.begin(), program->steps.end(), is_last))
            << runtime::print(*program);
      }
    }
  }
}

// The result of the convolution is never there, so nobody else may read it.
TEST(AttachEpilogues, SumsThatOthersReadTooAreStored) {
  for (const char* const rest : {"%r = add %p %bb\n%s = tanh %p\n%l = mul %r %s\n", "%r = add %p %bb\n"}) {
    const bool output = std::string_view(rest).find('l') == std::string_view::npos;
    const std::string text =
        "graph @g(%x: f32[2,16,21,20], %w: f32[40,16,3,3], %b: f32[40]) -> (" +
        std::string(output ? "f32[2,40,21,20], f32[2,40,21,20]" : "f32[2,40,21,20]") +
        ") {\n%p = convolution %x %w {strides=[1, 1], low=[1, 1], high=[1, 1], input_dilation=[1, 1], "
        "dilation=[1, 1], groups=1}\n%bb = broadcast %b {dims=[1]} : f32[2,40,21,20]\n" +
        rest + (output ? "return %p, %r\n}" : "return %l\n}");
    CompileOptions options = testing::exact_options();
    options.exact_contractions = false;
    ASSERT_NE(testing::check_program(testing::parse(text), options), nullptr);
  }
}

TEST(AttachEpilogues, WithoutFusionEveryOpIsAStep) {
  CompileOptions options = testing::exact_options();
  options.fuse = false;
  const auto program = testing::check_program(
      testing::parse("%x: f32[40,33]\n%w: f32[33,40]\n%p = matmul %x %w\n%y = tanh %p\n"), options);
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(names(*program), (std::vector<std::string>{"matmul", "tanh"}));
}

}  // namespace
}  // namespace leat::compiler
