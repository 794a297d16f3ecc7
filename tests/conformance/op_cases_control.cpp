// Control: branches, loops, user functions, other devices, and regions fused by hand.
#include <cstring>

#include "tests/conformance/case_builder.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Graph;
using ir::Op;
using ir::Type;
using ir::Value;

using Subgraph = std::shared_ptr<const Graph>;

/// (x, y) -> the greater (or lesser) of each pair, and x reversed: defined for every dtype.
Subgraph pair_graph(const Type& type, Op op) {
  auto graph = std::make_shared<Graph>(std::string(name(op)));
  const Value x = graph->AddParameter("x", type), y = graph->AddParameter("y", type);
  Dims all;
  for (int d = 0; d < type.shape.rank(); ++d) all.push_back(d);
  graph->outputs = {graph->Add(op, {x, y}).value(),
                    graph->Add(Op::reverse, {x}, {{Attr::dims, all}}).value()};
  return graph;
}

/// i < limit.
Subgraph condition_graph(const Type& type) {
  auto graph = std::make_shared<Graph>("condition");
  const Value i = graph->AddParameter("i", {DType::i32, {}}),
              limit = graph->AddParameter("limit", {DType::i32, {}});
  graph->AddParameter("x", type);
  graph->AddParameter("y", type);
  graph->outputs = {graph->Add(Op::less, {i, limit}).value()};
  return graph;
}

/// (i, limit, x, y) -> (i + 1, limit, y reversed, maximum(x, y)).
Subgraph body_graph(const Type& type) {
  auto graph = std::make_shared<Graph>("body");
  const Value i = graph->AddParameter("i", {DType::i32, {}}),
              limit = graph->AddParameter("limit", {DType::i32, {}});
  const Value x = graph->AddParameter("x", type), y = graph->AddParameter("y", type);
  const Value one = graph->AddConstant(ir::make_scalar<std::int32_t>(1));
  Dims all;
  for (int d = 0; d < type.shape.rank(); ++d) all.push_back(d);
  graph->outputs = {graph->Add(Op::add, {i, one}).value(), limit,
                    graph->Add(Op::reverse, {y}, {{Attr::dims, all}}).value(),
                    graph->Add(Op::maximum, {x, y}).value()};
  return graph;
}

/// Results: the first operand as it is, and how many elements all operands have.
Status describe(std::span<const ir::Array> inputs, std::span<ir::Array> outputs) {
  std::int64_t count = 0;
  for (const ir::Array& a : inputs) count += a.type.shape.num_elements();
  if (inputs[0].byte_count() > 0)
    std::memcpy(outputs[0].bytes.get(), inputs[0].bytes.get(), inputs[0].byte_count());
  outputs[1].as<std::int64_t>()[0] = count;
  return {};
}

Status refuse(std::span<const ir::Array>, std::span<ir::Array>) {
  return Status(Code::invalid_argument, "refused");
}

}  // namespace

const std::map<std::string, ir::CustomFunction>& case_functions() {
  static const auto* const kFunctions =
      new std::map<std::string, ir::CustomFunction>{{"describe", describe}, {"refuse", refuse}};
  return *kFunctions;
}

void add_control_cases(CaseBuilder& b) {
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{33}, Shape{5, 17}}) {
    const Type type = b.TypeOf(shape);
    switch (b.op()) {
      case Op::cond:
        for (const bool which : {false, true}) {
          ir::Array p = ir::Array::Zeros({DType::bool_, {}});
          p.as<bool>()[0] = which;
          for (const Access access : {Access::dense, Access::constant}) {
            b.Add({{p.type, access, Values::mixed, p}, {type}, {type}},
                  {{Attr::then_branch, pair_graph(type, Op::maximum)},
                   {Attr::else_branch, pair_graph(type, Op::minimum)}});
          }
        }
        break;
      case Op::while_loop:
        for (const std::int64_t times : {0, 1, 2, 5}) {
          b.Add({b.Integer(DType::i32, 0), b.Integer(DType::i32, times), {type}, {type}},
                {{Attr::condition, condition_graph(type)}, {Attr::body, body_graph(type)}});
        }
        break;
      case Op::custom_call:
        b.Add({{type}, {type, Access::reversed}},
              {{Attr::target, std::string("describe")}, {Attr::pure, false}}, {type, {DType::i64, {}}});
        b.Add({{type}}, {{Attr::target, std::string("refuse")}, {Attr::pure, true}}, {type});
        break;
      case Op::copy:
        for (const char* device : {"cpu:0", "cpu:1"}) {
          b.Add({{type}}, {{Attr::device, std::string(device)}});
          b.Add({{type, Access::transposed}}, {{Attr::device, std::string(device)}});
        }
        break;
      case Op::fused:
        b.Add({{type}, {type}}, {{Attr::body, pair_graph(type, Op::maximum)}}, {type, type});
        break;
      default: return;
    }
  }
}

}  // namespace leat::testing
