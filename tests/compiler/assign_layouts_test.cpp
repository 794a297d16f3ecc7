// The pass that keeps activations blocked between convolutions: where reorders are left, that the values stay
// the same to the bit, and what is not touched.
#include <gtest/gtest.h>

#include "compiler/passes/convolution_form.h"
#include "compiler/passes/passes.h"
#include "ir/verifier.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

using ir::Op;
using runtime::cpu::ConvolutionDescriptor;
using runtime::cpu::ConvolutionLayouts;

constexpr const char* kSame =
    "strides=[1, 1], low=[1, 1], high=[1, 1], input_dilation=[1, 1], dilation=[1, 1], groups=1";
constexpr const char* kPoint =
    "strides=[1, 1], low=[0, 0], high=[0, 0], input_dilation=[1, 1], dilation=[1, 1], groups=1";

/// An engine that wants blocks of 8 for all but kernels of one position, whatever the machine.
ConvolutionLayouts eights(const ConvolutionDescriptor& d) {
  ConvolutionLayouts layouts;
  layouts.block = 8;
  layouts.x = d.channels % 8 == 0;
  layouts.out = d.out_channels % 8 == 0;
  layouts.wanted = d.kernel[0] > 1;
  return layouts;
}

std::string conv(const std::string& x, const std::string& w, const char* options = kSame) {
  return "convolution " + x + " " + w + " {" + options + "}\n";
}

std::string relu(const std::string& result, const std::string& x, const std::string& type) {
  return "%" + result + "z = constant {value=0} : f32[]\n%" + result + "zb = broadcast %" + result +
         "z {dims=[]} : " + type + "\n%" + result + " = maximum " + x + " %" + result + "zb\n";
}

/// The graph after the pass; its outputs were found to have the bits of the graph before.
ir::Graph assign(const std::string& text) {
  const ir::Graph before = testing::parse(text);
  const ir::Graph after = eliminate_dead_nodes(assign_layouts(before, {"cpu:0"}, eights));
  const Status status = ir::verify(after);
  EXPECT_TRUE(status.ok()) << status.ToString() << ir::print(after);
  const std::vector<ir::Array> inputs = testing::random_inputs(before, 3);
  const auto expected = ir::interpret(before, inputs), got = ir::interpret(after, inputs);
  EXPECT_TRUE(expected.ok()) << expected.status().ToString();
  EXPECT_TRUE(got.ok()) << got.status().ToString();
  for (std::size_t o = 0; expected.ok() && got.ok() && o < expected->size(); ++o) {
    EXPECT_EQ(testing::compare_bits((*expected)[o], (*got)[o]), "") << ir::print(after);
  }
  return after;
}

struct Shape5 {
  int reorders = 0;                    // those that are run
  int blocked_x = 0, blocked_out = 0;  // convolutions
  int blocked_ops = 0;                 // other ops on arrays of one more rank
};

Shape5 look(const ir::Graph& graph) {
  Shape5 found;
  const std::vector<std::uint32_t> only_reader = find_only_readers(graph);
  std::vector<std::uint32_t> readers = ir::count_uses(graph);
  std::vector<bool> written(graph.nodes.size(), false);
  int rank = 0;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op != Op::convolution) continue;
    rank = graph.nodes[n].type().shape.rank();
    const ConvolutionForm form = form_convolution(graph, n, only_reader);
    if (form.descriptor.x_block > 0) ++found.blocked_x, --readers[graph.nodes[n].inputs[0].node];
    if (form.packed) ++found.blocked_out, written[*form.packed] = true;
  }
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    const bool view = ir::op_info(node.op).family == ir::Family::view && node.op != Op::slice;
    if (node.op == Op::reorder) {
      found.reorders += readers[n] > 0 && !written[n] ? 1 : 0;
    } else if (node.op != Op::constant && !view && node.type().shape.rank() == rank + 1) {
      ++found.blocked_ops;
    }
  }
  return found;
}

constexpr const char* kHead = "%x: f32[2,3,6,7]\n%w: f32[16,3,3,3]\n%v: f32[24,16,3,3]\n%b: f32[16]\n";

TEST(AssignLayouts, BetweenTwoConvolutionsNothingIsReordered) {
  const ir::Graph graph =
      assign(kHead + ("%c = " + conv("%x", "%w")) + "%bb = broadcast %b {dims=[1]} : f32[2,16,6,7]\n" +
             "%s = add %c %bb\n" + relu("r", "%s", "f32[2,16,6,7]") + "%y = " + conv("%r", "%v"));
  const Shape5 found = look(graph);
  EXPECT_EQ(found.reorders, 0) << ir::print(graph);
  EXPECT_EQ(found.blocked_out, 1);  // the image has 3 channels, and the result is read dense
  EXPECT_EQ(found.blocked_x, 1);
  EXPECT_EQ(found.blocked_ops, 2);
}

TEST(AssignLayouts, AConvolutionAloneStaysDense) {
  const ir::Graph graph = assign(kHead + ("%c = " + conv("%x", "%w")) + "%y = exp %c\n");
  const Shape5 found = look(graph);
  EXPECT_EQ(found.reorders + found.blocked_x + found.blocked_out + found.blocked_ops, 0) << ir::print(graph);
}

TEST(AssignLayouts, AResidualBlockIsReorderedWhereItBeginsAndEnds) {
  std::string text = "%x: f32[1,16,5,5]\n%w: f32[16,16,3,3]\n";
  std::string last = "%x";
  for (int block = 0; block < 3; ++block) {
    const std::string n = std::to_string(block);
    text += "%c" + n + " = " + conv(last, "%w") + relu("a" + n, "%c" + n, "f32[1,16,5,5]");
    text += "%d" + n + " = " + conv("%a" + n, "%w") + "%s" + n + " = add %d" + n + " " + last + "\n";
    text += relu("r" + n, "%s" + n, "f32[1,16,5,5]");
    last = "%r" + n;
  }
  const ir::Graph graph = assign(text);
  const Shape5 found = look(graph);
  EXPECT_EQ(found.reorders, 2) << ir::print(graph);
  EXPECT_EQ(found.blocked_x, 6);
  EXPECT_EQ(found.blocked_out, 6);
  EXPECT_EQ(found.blocked_ops, 9);
}

TEST(AssignLayouts, PoolsPadsConcatsAndSlicesRunOnBlocks) {
  const std::string text =
      kHead + ("%c = " + conv("%x", "%w")) +
      "%p = reduce_window %c {kind=\"max\", window=[1, 1, 3, 3], strides=[1, 1, 2, 2], low=[0, 0, 1, 1], "
      "high=[0, 0, 1, 1], "
      "dilation=[1, 1, 1, 1]}\n"
      "%k = constant {value=1.5} : f32[]\n%q = pad %p %k {low=[0, 0, 1, 0], high=[0, 0, 0, 2], interior=[0, "
      "0, 0, 1]}\n"
      "%e = concat %q %q {axis=1}\n"
      "%f = slice %e {starts=[0, 8, 1, 0], limits=[2, 24, 4, 8], strides=[1, 1, 1, 2]}\n%y = " +
      conv("%f", "%v");
  const ir::Graph graph = assign(text);
  const Shape5 found = look(graph);
  EXPECT_EQ(found.reorders, 0) << ir::print(graph);
  EXPECT_EQ(found.blocked_ops, 4);
}

TEST(AssignLayouts, WhatCrossesChannelsIsDense) {
  for (const std::string op :
       {"%m = reverse %c {dims=[1]}\n", "%m = cumulative_sum %c {axis=1}\n",
        "%m = slice %c {starts=[0, 4, 0, 0], limits=[2, 20, 6, 7], strides=[1, 1, 1, 1]}\n"}) {
    const ir::Graph graph =
        assign("%x: f32[2,3,6,7]\n%w: f32[20,3,3,3]\n%u: f32[24,20,3,3]\n%v: f32[24,16,3,3]\n%c = " +
               conv("%x", "%w") + op + "%y = " + conv("%m", op[5] == 's' ? "%v" : "%u"));
    EXPECT_EQ(look(graph).blocked_ops, 0) << ir::print(graph);
    EXPECT_EQ(look(graph).blocked_out, 0);
  }
}

TEST(AssignLayouts, OddChannelsAreDense) {
  const ir::Graph graph =
      assign("%x: f32[2,3,6,7]\n%w: f32[20,3,3,3]\n%v: f32[24,20,3,3]\n%c = " + conv("%x", "%w") +
             relu("r", "%c", "f32[2,20,6,7]") + "%y = " + conv("%r", "%v"));
  EXPECT_EQ(look(graph).blocked_ops + look(graph).blocked_x + look(graph).blocked_out, 0) << ir::print(graph);
}

TEST(AssignLayouts, ManyFormsOfBroadcasts) {
  const std::string head =
      "%x: f32[2,3,6,7]\n%w: f32[16,3,3,3]\n%v: f32[24,16,3,3]\n%c = " + conv("%x", "%w");
  const std::pair<const char*, const char*> kForms[] = {{"f32[16,1,1]", "[1, 2, 3]"},
                                                        {"f32[1,16,1,1]", "[0, 1, 2, 3]"},
                                                        {"f32[2,16,1,1]", "[0, 1, 2, 3]"},
                                                        {"f32[2,16]", "[0, 1]"},
                                                        {"f32[16,2]", "[1, 0]"},
                                                        {"f32[7]", "[3]"},
                                                        {"f32[2,1,6,7]", "[0, 1, 2, 3]"},
                                                        {"f32[]", "[]"},
                                                        {"f32[1]", "[1]"}};
  for (const auto& [type, dims] : kForms) {
    const ir::Graph graph =
        assign("%b: " + std::string(type) + "\n" + head + "%bb = broadcast %b {dims=" + dims +
               "} : f32[2,16,6,7]\n%s = mul %c %bb\n%y = " + conv("%s", "%v"));
    EXPECT_EQ(look(graph).blocked_ops, 1) << ir::print(graph);
  }
  // A picture for every channel is an array like any other: reordered, or the op is dense.
  assign("%b: f32[16,6,7]\n" + head +
         "%bb = broadcast %b {dims=[1, 2, 3]} : f32[2,16,6,7]\n%s = mul %c %bb\n%y = " + conv("%s", "%v"));
}

// So that kernels run over rows, not over one block after another.
TEST(AssignLayouts, ConstantsOfAChannelAreRepeatedAlongRows) {
  const ir::Graph graph = assign(
      "%x: f32[2,3,6,7]\n%w: f32[16,3,3,3]\n%v: f32[24,16,3,3]\n"
      "%b = constant {value=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]} : f32[16]\n%c = " +
      conv("%x", "%w") +
      "%bb = broadcast %b {dims=[1]} : f32[2,16,6,7]\n%s = add %c %bb\n%y = " + conv("%s", "%v"));
  const auto repeated = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const ir::Node& node) {
    return node.op == Op::constant && node.type().shape.rank() == 3;
  });
  ASSERT_NE(repeated, graph.nodes.end()) << ir::print(graph);
  EXPECT_EQ(repeated->type().shape, (Shape{2, 7, 8}));
  EXPECT_EQ(look(graph).reorders, 0);
}

TEST(AssignLayouts, KernelsOfOnePositionJoinWhereTheyStandBetween) {
  const std::string head = "%x: f32[2,16,6,7]\n%w: f32[16,16,3,3]\n%p: f32[32,16,1,1]\n%q: f32[16,32,1,1]\n";
  const ir::Graph between = assign(head + "%c = " + conv("%x", "%w") + "%d = " + conv("%c", "%p", kPoint) +
                                   "%e = " + conv("%d", "%q", kPoint) + "%y = " + conv("%e", "%w"));
  EXPECT_EQ(look(between).reorders, 0) << ir::print(between);
  EXPECT_EQ(look(between).blocked_out, 3);
  const ir::Graph alone =
      assign(head + "%d = " + conv("%x", "%p", kPoint) + "%y = " + conv("%d", "%q", kPoint));
  EXPECT_EQ(look(alone).blocked_x + look(alone).blocked_out, 0) << ir::print(alone);
}

TEST(AssignLayouts, AValueThatIsReadBothWaysIsReorderedOnce) {
  const ir::Graph graph =
      assign("%x: f32[2,3,6,7]\n%w: f32[16,3,3,3]\n%v: f32[16,16,3,3]\n%c = " + conv("%x", "%w") +
             "%a = cumulative_sum %c {axis=1}\n%d = cumulative_max %c {axis=1}\n%e = " + conv("%c", "%v") +
             "%f = " + conv("%c", "%v") + "%g = concat %a %d %e %f {axis=0}\n");
  EXPECT_EQ(look(graph).reorders, 1) << ir::print(graph);
}

TEST(AssignLayouts, LeavesOtherDevicesAndOtherEnginesAlone) {
  const std::string text =
      "%x: f32[1,16,5,5]\n%w: f32[16,16,3,3]\n%c = " + conv("%x", "%w") + "%y = " + conv("%c", "%w");
  const ir::Graph before = testing::parse(text);
  const auto never = [](const ConvolutionDescriptor&) { return ConvolutionLayouts{}; };
  EXPECT_EQ(ir::print(assign_layouts(before, {"cpu:0"}, never)), ir::print(before));
  EXPECT_EQ(ir::print(assign_layouts(before, {"cuda:0"}, eights)), ir::print(before));
  EXPECT_EQ(ir::print(assign_layouts(before, {"cpu:0", "gpu:0"}, eights, {1, 1})), ir::print(before));
}

TEST(AssignLayouts, OneDimensionAndThree) {
  const std::string one = "strides=[1], low=[1], high=[1], input_dilation=[1], dilation=[1], groups=1";
  const ir::Graph line = assign("%x: f32[2,16,9]\n%w: f32[16,16,3]\n%c = " + conv("%x", "%w", one.c_str()) +
                                "%t = tanh %c\n%y = " + conv("%t", "%w", one.c_str()));
  EXPECT_EQ(look(line).blocked_x, 1) << ir::print(line);
  const std::string three =
      "strides=[1, 1, 1], low=[1, 1, 1], high=[1, 1, 1], input_dilation=[1, 1, 1], dilation=[1, 1, 1], "
      "groups=1";
  const ir::Graph volume =
      assign("%x: f32[1,16,3,4,5]\n%w: f32[16,16,3,3,3]\n%c = " + conv("%x", "%w", three.c_str()) +
             "%t = tanh %c\n%y = " + conv("%t", "%w", three.c_str()));
  EXPECT_EQ(look(volume).blocked_x, 1) << ir::print(volume);
}

// The user's own reorders are taken in too, but not where a block hangs over: behind the channels there may
// be anything, which the reorder leaves out and an engine would multiply.
TEST(AssignLayouts, ReordersOfTheUser) {
  const std::string whole =
      "%x: f32[1,2,5,5,8]\n%w: f32[16,16,3,3]\n%d = reorder %x {layout=\"aBcd8b>abcd\"}\n%y = ";
  EXPECT_EQ(look(testing::parse(whole + conv("%d", "%w"))).blocked_x, 1);
  const std::string over =
      "%x: f32[1,3,5,5,8]\n%w: f32[16,20,3,3]\n%d = reorder %x {layout=\"aBcd8b>abcd\"} : f32[1,20,5,5]\n%y "
      "= ";
  EXPECT_EQ(look(testing::parse(over + conv("%d", "%w"))).blocked_x, 0);
  EXPECT_EQ(look(assign(over + conv("%d", "%w"))).reorders, 1);
  for (const std::string& text : {whole, over}) {
    ASSERT_NE(testing::check_program(testing::parse(text + conv("%d", "%w")), testing::exact_options()),
              nullptr);
  }
}

// With exact contractions the pass does not run, and the bits are the interpreter's; without it, the
// library's are near, and the same from run to run.
TEST(AssignLayouts, ExactContractionsAreDense) {
  const std::string text = "%x: f32[1,16,5,5]\n%w: f32[16,16,3,3]\n%c = " + conv("%x", "%w") +
                           relu("r", "%c", "f32[1,16,5,5]") + "%y = " + conv("%r", "%w");
  int blocked = -1;
  CompileOptions options = testing::exact_options();
  options.observe = [&](std::string_view stage, const ir::Graph& graph) {
    if (stage == "fused") blocked = look(graph).blocked_x + look(graph).reorders;  // fused bodies have none
  };
  ASSERT_NE(testing::check_program(testing::parse(text), options), nullptr);
  EXPECT_EQ(blocked, 0);
}

}  // namespace
}  // namespace leat::compiler
