#include <algorithm>
#include <cstring>

#include "compiler/count_work.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"
#include "ir/interpreter.h"

namespace leat::compiler {
namespace {

// Larger results are left to the run: they cost memory for ever, and time before the first value.
constexpr std::int64_t kNodeBudget = 64 << 10;
// Operations and bytes of a whole graph, for which the interpreter takes some 0.1 s: a small result may take
// for ever, as the sum of 2^40 places of a window does.
constexpr double kWorkBudget = 1 << 24;

bool foldable(const ir::Node& node) {
  const ir::OpInfo& info = ir::op_info(node.op);
  switch (info.family) {
    case ir::Family::control:
    case ir::Family::contraction:
    case ir::Family::source: return false;
    default: return !info.is(ir::kEffect);
  }
}

}  // namespace

bool has_constant_operations(const ir::Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const ir::Node& node) {
    return !node.inputs.empty() && node.op != ir::Op::broadcast &&
           std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](ir::Value v) { return graph.nodes[v.node].op == ir::Op::constant; });
  });
}

ir::Graph fold_constants(const ir::Graph& graph, std::int64_t byte_budget) {
  Rebuild rebuild(graph);
  double work_budget = kWorkBudget;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      rebuild.CopyParameter(n);
      continue;
    }
    const ir::Value copy = rebuild.Copy(n);
    if (!foldable(node) || node.inputs.empty() || node.results.size() != 1) continue;
    // A scalar that is broadcast stays a scalar: it is an argument of the kernel, not a buffer.
    if (node.op == ir::Op::broadcast) continue;
    const std::int64_t bytes = byte_size(node.type());
    if (bytes > kNodeBudget || bytes > byte_budget) continue;
    std::vector<ir::Type> types;
    std::vector<const void*> inputs;
    std::vector<ir::Literal> kept;
    for (ir::Value v : rebuild.to().nodes[copy.node].inputs) {
      const ir::Node& operand = rebuild.to().nodes[v.node];
      if (operand.op != ir::Op::constant) break;
      types.push_back(operand.type());
      kept.push_back(operand.attrs().literal(ir::Attr::value));
    }
    if (kept.size() != node.inputs.size()) continue;
    const Work work = count_work(graph, node);
    const double cost = work.operations + work.transcendentals + work.bytes();
    if (cost > work_budget) continue;
    work_budget -= cost;
    for (ir::Literal& literal : kept) {
      literal = ir::aligned(literal);
      inputs.push_back(literal.bytes.get());
    }
    std::vector<std::byte> result(static_cast<std::size_t>(bytes) + 8);
    void* outputs[] = {result.data()};
    // An op that faults keeps its node: the fault belongs to the run.
    if (!ir::interpret_op(node, types, inputs, outputs).ok()) continue;
    byte_budget -= bytes;
    rebuild.to().nodes.pop_back();
    rebuild.Set(n, rebuild.to().AddConstant(ir::make_literal(node.type(), result.data()), node.location));
  }
  return rebuild.Finish();
}

}  // namespace leat::compiler
