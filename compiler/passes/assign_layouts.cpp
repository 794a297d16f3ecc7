// Layouts. Each op that can run on blocked arrays is a node of a network whose two ends are the convolutions
// that work on blocks and the ops that do not; an edge costs the bytes of the reorder that would stand there.
// The cheapest cut says which ops run on blocks. The graph is then rebuilt, with a reorder where a reader
// wants the other form of a value; each value has at most one.
//
// The convolutions stay on dense arrays in the graph, with reorders before and after, which the engine takes
// in (convolution_form.h). A convolution reorders a dense operand or result itself, in cache, where that is
// cheaper than a node.
#include <algorithm>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "compiler/passes/blocked_form.h"
#include "compiler/passes/convolution_form.h"
#include "compiler/passes/minimum_cut.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"
#include "ir/layout.h"

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Op;
using ir::Value;
using runtime::cpu::ConvolutionLayouts;
using Preferred = std::function<ConvolutionLayouts(const runtime::cpu::ConvolutionDescriptor&)>;

class LayoutAssignment {
 public:
  LayoutAssignment(const ir::Graph& graph, std::vector<ConvolutionLayouts> convolutions,
                   std::vector<bool> on_cpu, std::int64_t block)
      : graph_(graph),
        convolutions_(std::move(convolutions)),
        on_cpu_(std::move(on_cpu)),
        form_(graph, block),
        rebuild_(graph) {}

  ir::Graph Run() {
    FindOpsOnBlocks();
    CountReaders();
    blocked_.resize(graph_.nodes.size());
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const ir::Node& node = graph_.nodes[n];
      if (node.op == Op::parameter) {
        rebuild_.CopyParameter(n);
      } else if (node.op == Op::convolution && TakesPart(n)) {
        AddConvolution(n);
      } else if (on_blocks_[n]) {
        absl::InlinedVector<Value, 3> operands;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) operands.push_back(BlockedOperand(node, i));
        blocked_[n] = form_.Add(rebuild_, node, std::move(operands));
      } else {
        AddDense(n);
      }
    }
    for (Value v : graph_.outputs) rebuild_.to().outputs.push_back(Dense(v));
    return std::move(rebuild_.to());
  }

 private:
  bool TakesPart(std::uint32_t n) const { return convolutions_[n].block > 0; }
  /// Of a convolution: whether it is one that could as well stay dense, and changes over as a whole.
  bool IsEither(std::uint32_t n) const {
    const ConvolutionLayouts& c = convolutions_[n];
    return TakesPart(n) && !c.wanted && c.x && c.out;
  }

  // Where a node stands in the network as it gives its result, and as it reads its first operand.
  int GiverOf(std::uint32_t n) const {
    if (TakesPart(n) && convolutions_[n].wanted && convolutions_[n].out) return MinimumCut::kSource;
    return variable_[n] != 0 ? variable_[n] : MinimumCut::kSink;
  }
  int ReaderOf(std::uint32_t n, std::size_t operand) const {
    if (TakesPart(n)) {
      if (operand == 1) return MinimumCut::kSink;
      if (convolutions_[n].wanted) return convolutions_[n].x ? MinimumCut::kSource : MinimumCut::kSink;
    }
    return variable_[n] != 0 ? variable_[n] : MinimumCut::kSink;
  }
  /// Whether node n reads operand i as an array that is blocked where n is.
  bool ReadsArray(std::uint32_t n, std::size_t i) const {
    if (TakesPart(n)) return i == 0;
    return variable_[n] == 0 || form_.RoleOf(graph_.nodes[n], i) == BlockedForm::Role::array;
  }

  void FindOpsOnBlocks() {
    const std::size_t count = graph_.nodes.size();
    MinimumCut cut;
    variable_.assign(count, 0);
    for (std::uint32_t n = 0; n < count; ++n) {
      if (IsEither(n) || (on_cpu_[n] && form_.Possible(graph_.nodes[n]))) variable_[n] = cut.AddNode();
    }
    std::vector<std::vector<int>> readers(count);
    std::vector<bool> fuses(count, false);  // whether the value need not stand in memory
    for (std::uint32_t n = 0; n < count; ++n) fuses[n] = RunsInKernel(n);
    for (std::uint32_t n = 0; n < count; ++n) {
      for (std::size_t i = 0; i < graph_.nodes[n].inputs.size(); ++i) {
        const std::uint32_t v = graph_.nodes[n].inputs[i].node;
        if (ReadsArray(n, i)) readers[v].push_back(ReaderOf(n, i));
        fuses[v] = fuses[v] && RunsInKernel(n);
      }
    }
    for (Value v : graph_.outputs) {
      readers[v.node].push_back(MinimumCut::kSink);
      fuses[v.node] = false;
    }
    for (std::uint32_t n = 0; n < count; ++n) AddValue(cut, n, std::move(readers[n]), fuses[n]);
    const std::vector<bool> with_source = cut.Solve();
    on_blocks_.assign(count, false);
    for (std::uint32_t n = 0; n < count; ++n) {
      on_blocks_[n] = variable_[n] != 0 && with_source[static_cast<std::size_t>(variable_[n])];
    }
  }

  bool RunsInKernel(std::uint32_t n) const {
    const ir::OpInfo& info = ir::op_info(graph_.nodes[n].op);
    return info.elementwise() || info.family == ir::Family::reduce;
  }

  // One value: a reorder of it moves its bytes twice, however many readers share it, and twice more where it
  // would have been in registers only.
  void AddValue(MinimumCut& cut, std::uint32_t n, std::vector<int> readers, bool fuses) {
    const int giver = GiverOf(n);
    std::sort(readers.begin(), readers.end());
    const bool single = readers.size() == 1;
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    if (readers.empty() || (readers.size() == 1 && readers[0] == giver)) return;
    const std::int64_t bytes = byte_size(graph_.nodes[n].type());
    const std::int64_t moved = fuses ? 4 * bytes : 2 * bytes;
    if (single) {  // the convolution at either end may do it in cache, which is half the traffic
      const bool inside = giver == MinimumCut::kSource || readers[0] == MinimumCut::kSource;
      const std::int64_t cost = inside ? bytes : moved;
      cut.AddEdge(giver, readers[0], cost);
      cut.AddEdge(readers[0], giver, cost);
      return;
    }
    const int to_dense = cut.AddNode(), to_blocked = cut.AddNode();
    cut.AddEdge(giver, to_dense, moved);
    cut.AddEdge(to_blocked, giver, moved);
    for (const int reader : readers) {
      cut.AddEdge(to_dense, reader, MinimumCut::kInfinite);
      cut.AddEdge(reader, to_blocked, MinimumCut::kInfinite);
    }
  }

  // Who would read each value blocked.
  void CountReaders() {
    blocked_readers_.assign(graph_.nodes.size(), 0);
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      for (std::size_t i = 0; i < graph_.nodes[n].inputs.size(); ++i) {
        const bool convolution =
            TakesPart(n) && i == 0 && convolutions_[n].x && (convolutions_[n].wanted || on_blocks_[n]);
        const bool other = !TakesPart(n) && on_blocks_[n] && ReadsArray(n, i);
        if (convolution || other) ++blocked_readers_[graph_.nodes[n].inputs[i].node];
      }
    }
  }

  /// A value of the old graph as a dense array of the new one.
  Value Dense(Value v) { return blocked_[v.node] ? Unpacked(v) : rebuild_.Get(v); }

  /// The same blocked.
  Value Blocked(Value v) {
    if (blocked_[v.node]) return *blocked_[v.node];
    const auto [it, inserted] = packed_.try_emplace({v.node, v.result});
    if (inserted) it->second = AddReorder(rebuild_.Get(v), v, false);
    return it->second;
  }

  /// The dense array again, behind the blocked one.
  Value Unpacked(Value v) {
    const auto [it, inserted] = unpacked_.try_emplace({v.node, v.result});
    if (inserted) it->second = AddReorder(Blocked(v), v, true);
    return it->second;
  }

  Value AddReorder(Value from, Value v, bool backward) {
    const ir::Type& type = graph_.type(v);
    const std::string layout = ir::name_reordering(type.shape.rank(), form_.LayoutOf(type), backward);
    return rebuild_.Add(Op::reorder, {from}, {{Attr::layout, layout}}, backward ? type : form_.Blocked(type),
                        graph_.nodes[v.node].location);
  }

  Value BlockedOperand(const ir::Node& node, std::size_t i) {
    const Value v = node.inputs[i];
    switch (form_.RoleOf(node, i)) {
      case BlockedForm::Role::array: return Blocked(v);
      case BlockedForm::Role::number: return Dense(v);
      case BlockedForm::Role::repeated: break;
    }
    const auto [it, inserted] = repeated_.try_emplace(v.node);
    if (inserted) it->second = form_.AddRepeated(rebuild_, v, Dense(graph_.nodes[v.node].inputs[0]));
    return it->second;
  }

  void AddConvolution(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    const ConvolutionLayouts& c = convolutions_[n];
    const bool part = c.wanted || on_blocks_[n];
    const Value x = node.inputs[0];
    // A dense x is reordered once by each panel that reads it, unless all of it is reordered first.
    const bool blocked_x =
        part && c.x &&
        (blocked_[x.node] || on_blocks_[n] || c.x_reorders > 1 || blocked_readers_[x.node] > 1);
    const bool blocked_out = part && c.out && (on_blocks_[n] || blocked_readers_[n] > 0);
    const Value result =
        rebuild_.Add(Op::convolution, {blocked_x ? Unpacked(x) : Dense(x), Dense(node.inputs[1])},
                     node.attrs(), node.type(), node.location);
    rebuild_.Set(n, result);
    if (blocked_out) blocked_[n] = AddReorder(result, {n, 0}, false);
  }

  void AddDense(std::uint32_t n) {
    ir::Node copy = graph_.nodes[n];
    for (Value& input : copy.inputs) input = Dense(input);
    rebuild_.Set(n, rebuild_.to().AddUnchecked(std::move(copy)));
  }

  const ir::Graph& graph_;
  const std::vector<ConvolutionLayouts> convolutions_;  // per node; block 0 for those that take no part
  const std::vector<bool> on_cpu_;
  const BlockedForm form_;
  Rebuild rebuild_;
  std::vector<int> variable_;  // per node, in the network; 0 for none
  std::vector<bool> on_blocks_;
  std::vector<std::uint32_t> blocked_readers_;
  std::vector<std::optional<Value>> blocked_;  // of nodes that give blocked arrays
  absl::flat_hash_map<std::pair<std::uint32_t, std::uint32_t>, Value> packed_, unpacked_;  // by reorders
  absl::flat_hash_map<std::uint32_t, Value> repeated_;
};

}  // namespace

ir::Graph assign_layouts(const ir::Graph& graph, const std::vector<std::string>& device_names,
                         const Preferred& preferred, const std::vector<std::uint16_t>& input_devices) {
  std::vector<bool> on_cpu;
  for (const std::uint16_t device : device_of_nodes(graph, device_names, input_devices)) {
    on_cpu.push_back(device_names.empty() || device_names[device].starts_with("cpu"));
  }
  std::vector<ConvolutionLayouts> convolutions(graph.nodes.size());
  std::int64_t block = 0;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op != Op::convolution || !on_cpu[n]) continue;
    if (node.type().shape.num_elements() == 0) continue;
    convolutions[n] = preferred(describe_convolution(graph, node));
    if (block == 0) block = convolutions[n].block;
    if (convolutions[n].block != block) convolutions[n] = {};  // one block size a graph
  }
  if (block == 0) return graph;
  return LayoutAssignment(graph, std::move(convolutions), std::move(on_cpu), block).Run();
}

}  // namespace leat::compiler
