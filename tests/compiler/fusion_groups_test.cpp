#include "compiler/passes/fusion_groups.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "ir/verifier.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

int count(const ir::Graph& graph, ir::Op op) {
  return static_cast<int>(
      std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const ir::Node& n) { return n.op == op; }));
}

TEST(FusionGroups, AChainIsOneKernel) {
  const ir::Graph graph = testing::parse("%x: f32[100]\n%a = exp %x\n%b = add %a %x\n%c = tanh %b\n");
  const ir::Graph fused = fuse_groups(graph);
  EXPECT_EQ(count(fused, ir::Op::fused), 1);
  EXPECT_EQ(fused.nodes.size(), 2u);
}

TEST(FusionGroups, SoftmaxIsOneKernel) {
  const ir::Graph graph = testing::parse(
      "%x: f32[8,100]\n%m = reduce_max %x {dims=[1]}\n%mb = broadcast %m {dims=[0]} : f32[8,100]\n%d = sub "
      "%x %mb\n"
      "%e = exp %d\n%s = reduce_sum %e {dims=[1]}\n%sb = broadcast %s {dims=[0]} : f32[8,100]\n%y = div %e "
      "%sb\n");
  EXPECT_EQ(count(fuse_groups(graph), ir::Op::fused), 1);
}

TEST(FusionGroups, AContractionStandsBetweenKernels) {
  const ir::Graph graph =
      testing::parse("%x: f32[8,8]\n%a = exp %x\n%p = matmul %a %x\n%b = add %p %a\n%c = tanh %b\n");
  const ir::Graph fused = fuse_groups(graph);
  EXPECT_EQ(count(fused, ir::Op::fused), 2);  // %b reads %a as well: one group of both would wait for itself
  EXPECT_TRUE(ir::verify(fused).ok());
}

// Layers of 100 nodes, each of which adds or multiplies two of the layer before: some groups wait for each
// other in a circle at first, and are made again, which leaves the others as they are.
TEST(FusionGroups, CirclesInALayeredGraph) {
  constexpr std::size_t kWidth = 100, kLayers = 100;
  std::mt19937 random(7);
  std::string text = "%0: f32[16]\n%1: f32[16]\n";
  std::vector<std::size_t> layer(kWidth), next(kWidth);
  for (std::size_t k = 0; k < kWidth; ++k) layer[k] = k % 2;
  std::size_t made = 2;
  for (std::size_t l = 0; l < kLayers; ++l) {
    for (std::size_t k = 0; k < kWidth; ++k, ++made) {
      const std::size_t a = layer[random() % kWidth], b = layer[random() % kWidth];
      absl::StrAppend(&text, "%", made, k % 2 == 0 ? " = add %" : " = mul %", a, " %", b, "\n");
      next[k] = made;
    }
    layer.swap(next);
  }
  ir::Graph graph = testing::parse(text);
  graph.outputs.clear();
  for (const std::size_t n : layer) graph.outputs.push_back({static_cast<std::uint32_t>(n), 0});
  const ir::Graph fused = fuse_groups(eliminate_dead_nodes(graph));
  ASSERT_TRUE(ir::verify(fused).ok());
  for (const ir::Op op : {ir::Op::add, ir::Op::mul}) EXPECT_EQ(count(fused, op), 0) << ir::name(op);
  EXPECT_LT(count(fused, ir::Op::fused), 600);
}

// %late would join %first: but it reads %both, which is older than %first, and which reads %old, whose group
// also has %joined, which waits for the sorted %first.
TEST(FusionGroups, AnOldNodeMayWaitForAYoungOne) {
  const ir::Graph graph = testing::parse(
      "%x: f32[3]\n%y: f32[3]\n%old = sin %x\n%both = concat %old %old {axis=0}\n%first = cos %y\n"
      "%sorted = sort %first {axis=0}\n%young = tanh %sorted\n%joined = add %young %old\n"
      "%part = slice %both {starts=[1], limits=[4], strides=[1]}\n%late = sub %first %part\n"
      "%z = concat %joined %late {axis=0}\n");
  const ir::Graph fused = fuse_groups(graph);
  EXPECT_TRUE(ir::verify(fused).ok());
  EXPECT_EQ(count(fused, ir::Op::fused), 3);
  for (const ir::Op op : {ir::Op::sin, ir::Op::cos, ir::Op::tanh, ir::Op::add, ir::Op::sub}) {
    EXPECT_EQ(count(fused, op), 0) << ir::name(op) << " is in no group";
  }
}

TEST(FusionGroups, OneOpPerGroup) {
  const ir::Graph graph = testing::parse("%x: f32[100]\n%a = exp %x\n%b = add %a %x\n%c = tanh %b\n");
  FuseOptions options;
  options.one_op_per_group = true;
  const ir::Graph fused = fuse_groups(graph, options);
  EXPECT_EQ(count(fused, ir::Op::fused), 3);
}

TEST(FusionGroups, GroupsKeepWithinTheCaps) {
  std::string text = "%x: f32[100]\n%v0 = exp %x\n";
  for (int i = 1; i < 200; ++i) {
    text += "%v" + std::to_string(i) + " = add %v" + std::to_string(i - 1) + " %x\n";
  }
  const ir::Graph fused = fuse_groups(testing::parse(text));
  int groups = 0;
  for (const ir::Node& node : fused.nodes) {
    if (node.op != ir::Op::fused) continue;
    ++groups;
    const ir::Graph& body = node.attrs().graph(ir::Attr::body);
    EXPECT_LE(body.nodes.size() - body.parameters.size(), 64u);
    EXPECT_LE(body.parameters.size(), 24u);
  }
  EXPECT_EQ(groups, 4);  // 200 ops, 64 at most in each
}

TEST(FusionGroups, WideGraphsKeepWithinTheInputCap) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "%x" + std::to_string(i) + ": f32[16]\n";
  text += "%v0 = exp %x0\n";
  for (int i = 1; i < 60; ++i) {
    text += "%v" + std::to_string(i) + " = add %v" + std::to_string(i - 1) + " %x" + std::to_string(i) + "\n";
  }
  const ir::Graph graph = testing::parse(text);
  for (const ir::Node& node : fuse_groups(graph).nodes) {
    if (node.op == ir::Op::fused) {
      EXPECT_LE(node.inputs.size(), 24u);
    }
  }
  testing::check_program(graph, testing::exact_options());
}

// Every node of a random graph is in one unit, which stands behind what it reads (but for what is cheap
// enough to be computed again).
TEST(FusionGroups, RandomGraphsStayInOrder) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const ir::Graph graph = eliminate_dead_nodes(testing::random_graph(seed));
    const FuseOptions options;
    const FusionGroups groups(graph, options);
    std::vector<int> place(graph.nodes.size(), -1);
    const auto& order = groups.order();
    for (std::size_t at = 0; at < order.size(); ++at) {
      if (order[at] < graph.nodes.size()) {
        EXPECT_EQ(groups.group_of(order[at]), -1);
        place[order[at]] = static_cast<int>(at);
        continue;
      }
      int last = -1;
      for (std::uint32_t m : groups.members(order[at] - static_cast<std::uint32_t>(graph.nodes.size()))) {
        EXPECT_EQ(place[m], -1) << "a node in two units";
        place[m] = static_cast<int>(at);
        EXPECT_GT(static_cast<int>(m), last);
        last = static_cast<int>(m);
      }
    }
    for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
      if (place[n] < 0) continue;
      for (ir::Value v : graph.nodes[n].inputs) {
        const bool again = groups.is_cheap(v.node) || groups.is_free(v.node) ||
                           ir::op_info(graph.nodes[v.node].op).family == ir::Family::view;
        if (place[v.node] < 0 || again) continue;
        EXPECT_LE(place[v.node], place[n]) << "LEAT_SEED=" << seed << " node " << n;
      }
    }
    EXPECT_TRUE(ir::verify(fuse_groups(graph)).ok()) << "LEAT_SEED=" << seed;
  }
}

// What every boundary of the graph says, as "value: why".
std::vector<std::string> boundaries(const std::string& text, FuseOptions options = {}) {
  std::vector<FusionBoundary> all;
  options.boundaries = &all;
  const ir::Graph fused = fuse_groups(testing::parse(text), options);
  std::vector<std::string> lines;
  for (const FusionBoundary& b : all) {
    EXPECT_LT(b.producer, b.reader);
    EXPECT_LT(b.reader, fused.nodes.size());
    lines.push_back(b.value + ": " + b.why);
  }
  return lines;
}

TEST(FusionGroups, BoundariesSayWhatStoppedTheMerge) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(boundaries("%x: f32[100]\n%a = exp %x\n%b = tanh %a\n"), Lines{});
  EXPECT_EQ(boundaries("%x: f32[8,8]\n%a = exp %x\n%p = matmul %a %x\n%b = tanh %p\n"),
            (Lines{"exp f32[8,8]: dot_general is not a loop: it has code of its own",
                   "dot_general f32[8,8]: dot_general is not a loop: it has code of its own"}));
  EXPECT_EQ(
      boundaries("%x: f32[8]\n%a = exp %x\n%s = slice %a {starts=[0], limits=[4], strides=[1]}\n%b = "
                 "tanh %s\n%r = reduce_sum %a {dims=[0]}\n%t = reduce_sum %b {dims=[0]}\n%y = add %r %t\n")
          .at(0),
      "exp f32[8]: one loops over [8], the other over [4]: other numbers of elements");
  FuseOptions few;
  few.max_ops = 2;
  EXPECT_EQ(boundaries("%x: f32[8]\n%a = exp %x\n%b = tanh %a\n%c = exp %b\n", few),
            Lines{"tanh f32[8]: together they have 3 ops; a kernel has at most 2"});
  few = {};
  few.max_inputs = 2;
  EXPECT_EQ(boundaries("%x: f32[8]\n%y: f32[8]\n%z: f32[8]\n%a = add %x %y\n%b = add %a %z\n", few),
            Lines{"add f32[8]: together they read 3 values; a kernel reads at most 2"});
  few = {};
  few.max_reductions = 0;
  EXPECT_EQ(boundaries("%x: f32[8]\n%a = exp %x\n%b = reduce_sum %a {dims=[0]}\n", few),
            Lines{"exp f32[8]: together they have 1 reductions; a kernel has at most 0"});
  few = {};
  few.one_op_per_group = true;
  EXPECT_EQ(boundaries("%x: f32[8]\n%a = exp %x\n%b = tanh %a\n", few),
            Lines{"exp f32[8]: fusion is switched off"});
  EXPECT_EQ(boundaries("%x: f32[8,4]\n%a = exp %x\n%b = transpose %a {dims=[1,0]}\n%c = reshape %b : "
                       "f32[8,4]\n%d = add %c %a\n"),
            Lines{"exp f32[8,4]: the reader wants the value at other indices than the loop computes it at"});
  EXPECT_EQ(boundaries("%x: f32[8,8]\n%a = exp %x\n%p = matmul %a %x\n%b = add %p %a\n").at(2),
            "exp f32[8,8]: something between them needs the one and is needed by the other");
}

}  // namespace
}  // namespace leat::compiler
