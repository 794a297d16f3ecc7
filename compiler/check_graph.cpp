#include "compiler/check_graph.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compiler/compare_arrays.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline.h"
#include "ir/printer.h"

namespace leat::compiler {
namespace {

using ir::Array;

// A value of a run: an array, or why there is none.
struct Outcome {
  Array array;
  Status status;
};

bool is_source(const ir::Node& node) { return node.op == ir::Op::parameter || node.op == ir::Op::constant; }

// The line of print() that shows node n: one line for each node that is no parameter, after the header.
std::string node_text(const ir::Graph& graph, std::uint32_t n) {
  ir::Graph shown = graph;
  shown.outputs = {{n, 0}};
  const std::vector<std::string> lines = absl::StrSplit(ir::print(shown, {.max_literal_elements = 8}), '\n');
  std::size_t line = 1;
  for (std::uint32_t i = 0; i < n; ++i) line += graph.nodes[i].op != ir::Op::parameter ? 1 : 0;
  return line < lines.size() ? std::string(absl::StripAsciiWhitespace(lines[line])) : "";
}

class Checker {
 public:
  Checker(const ir::Graph& graph, std::span<const Array> inputs, const CompileOptions& options,
          CodeCache& code, runtime::Engine& engine)
      : graph_(graph), inputs_(inputs), options_(options), code_(code), engine_(engine) {
    for (const ir::Node& node : graph.nodes) {
      if (node.op != ir::Op::custom_call || !options.custom_call) continue;
      const std::string& target = node.attrs().string(ir::Attr::target);
      if (const ir::CustomFunction* f = options.custom_call(target)) custom_calls_[target] = *f;
    }
  }

  StatusOr<CheckReport> Run() {
    if (Status s = RunKept(); !s.ok()) return s;
    StatusOr<std::vector<Outcome>> fused = Execute(graph_);
    if (!fused.ok()) return fused.status();
    if (!report_.divergence) {
      for (std::size_t o = 0; o < graph_.outputs.size() && !report_.divergence; ++o) {
        const ir::Value v = graph_.outputs[o];
        Compare(v.node, (*fused)[o], values_[v.node][v.result], BehindLibrary(v.node));
      }
      if (report_.divergence) FindFirst();
    }
    if (report_.divergence) FindPass();
    return std::move(report_);
  }

 private:
  StatusOr<std::vector<Outcome>> Execute(const ir::Graph& graph) {
    auto program = compile(graph, options_, code_);
    if (!program.ok()) return program.status();
    runtime::RunRequest request;
    request.program = *std::move(program);
    request.label = "check";
    for (const Array& a : inputs_) {
      request.inputs.push_back(
          runtime::Value::Ready(runtime::Buffer::Wrap(a.bytes.get(), a.byte_count(), {})));
    }
    for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
      request.outputs.push_back(runtime::Value::Pending());
    }
    const std::vector<runtime::Ref<runtime::Value>> outputs = request.outputs;
    const runtime::Ref<runtime::Run> run = engine_.Submit(std::move(request));
    if (Status s = run->Wait(); !s.ok()) return s;
    if (Status s = run->status(); !s.ok()) return s;
    std::vector<Outcome> outcomes;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      Outcome outcome{{graph.type(graph.outputs[o]), nullptr}, {}};
      if (outputs[o]->state() == runtime::Value::State::ready) {
        const runtime::Ref<runtime::Value> here = engine_.OnHost(outputs[o]);  // where it can be read
        if (Status s = here->Wait(); !s.ok()) return s;
        if (here->state() != runtime::Value::State::ready) return here->status();
        runtime::Ref<runtime::Buffer> buffer = here->buffer();
        auto* const data = static_cast<std::byte*>(buffer->data());
        outcome.array.bytes = std::shared_ptr<std::byte[]>(data, [buffer](std::byte*) {});
      } else {
        outcome.status = outputs[o]->status();
      }
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  // The graph with every value an output; values_ is filled, each node is compared.
  Status RunKept() {
    ir::Graph all = graph_;
    all.outputs.clear();
    for (std::uint32_t n = 0; n < all.nodes.size(); ++n) {
      if (is_source(all.nodes[n])) continue;
      for (std::uint32_t r = 0; r < all.nodes[n].results.size(); ++r) all.outputs.push_back({n, r});
    }
    StatusOr<std::vector<Outcome>> kept = Execute(all);
    if (!kept.ok()) return kept.status();
    values_.resize(all.nodes.size());
    for (std::size_t p = 0; p < all.parameters.size(); ++p) {
      values_[all.parameters[p]].push_back({inputs_[p], {}});
    }
    for (std::uint32_t n = 0; n < all.nodes.size(); ++n) {
      if (all.nodes[n].op != ir::Op::constant) continue;
      values_[n].push_back({Array::From(all.nodes[n].attrs().literal(ir::Attr::value)), {}});
    }
    for (std::size_t o = 0; o < all.outputs.size(); ++o) {
      values_[all.outputs[o].node].push_back(std::move((*kept)[o]));
    }
    for (std::uint32_t n = 0; n < graph_.nodes.size() && !report_.divergence; ++n) {
      if (!is_source(graph_.nodes[n])) CompareNode(n);
    }
    return {};
  }

  // The results of one node by the interpreter.
  StatusOr<std::vector<Array>> Interpret(const ir::Node& node, std::span<const Array> operands) const {
    ir::Graph one("one");
    ir::Node copy = node;
    copy.location = 0;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      copy.inputs[i] = one.AddParameter(absl::StrCat("x", i), operands[i].type);
    }
    const ir::Value v = one.AddUnchecked(std::move(copy));
    for (std::uint32_t r = 0; r < node.results.size(); ++r) one.outputs.push_back({v.node, r});
    return ir::interpret(one, operands, {.custom_calls = &custom_calls_});
  }

  void CompareNode(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    std::vector<Array> operands;
    for (const ir::Value v : node.inputs) {
      const Outcome& operand = values_[v.node][v.result];
      if (!operand.status.ok()) {  // a fault above: here it must have arrived
        for (const Outcome& o : values_[n]) {
          if (o.status.ok()) Report(n, "has a value, though an operand is faulty");
        }
        return;
      }
      operands.push_back(operand.array);
    }
    const StatusOr<std::vector<Array>> expected = Interpret(node, operands);
    for (std::size_t r = 0; r < values_[n].size() && !report_.divergence; ++r) {
      const Outcome want = expected.ok() ? Outcome{(*expected)[r], {}} : Outcome{{}, expected.status()};
      const Outcome& have = values_[n][r];
      if (!IsLibrary(node) || !have.status.ok() || !want.status.ok()) {
        Compare(n, have, want);
        continue;
      }
      Count(have.array);
      if (compare_bits(have.array, want.array).empty()) continue;
      ++report_.rounded;
      for (Array& a : operands) a = Magnitudes(a);
      const StatusOr<std::vector<Array>> sums = Interpret(node, operands);
      if (!sums.ok()) return;
      Report(n, compare_sums(have.array, want.array, (*sums)[0], Terms(node)));
    }
  }

  bool IsLibrary(const ir::Node& node) const {
    return !options_.exact_contractions && is_float(node.type().dtype) &&
           (node.op == ir::Op::dot_general || node.op == ir::Op::convolution);
  }

  std::int64_t Terms(const ir::Node& node) const {
    std::int64_t terms = 1;
    if (node.op == ir::Op::dot_general) {
      const Shape& x = graph_.type(node.inputs[0]).shape;
      for (const std::int64_t d : node.attrs().integers(ir::Attr::contract_x)) {
        terms *= x[static_cast<std::size_t>(d)];
      }
    } else {
      const Shape& w = graph_.type(node.inputs[1]).shape;
      for (std::size_t d = 1; d < w.size(); ++d) terms *= w[d];
    }
    return terms;
  }

  Array Magnitudes(const Array& a) const {
    ir::Node node;
    node.op = ir::Op::abs;
    node.inputs = {ir::Value{}};
    node.results = {a.type};
    return Interpret(node, std::span(&a, 1)).value()[0];
  }

  // The first value that is wrong when nothing but it is asked for.
  void FindFirst() {
    report_.divergence->when_fused = true;
    const Divergence output = *report_.divergence;
    report_.divergence.reset();
    for (std::uint32_t n = 0; n <= output.node && !report_.divergence; ++n) {
      if (is_source(graph_.nodes[n])) continue;
      ir::Graph one = graph_;
      one.outputs.clear();
      for (std::uint32_t r = 0; r < one.nodes[n].results.size(); ++r) one.outputs.push_back({n, r});
      const StatusOr<std::vector<Outcome>> alone = Execute(one);
      if (!alone.ok()) break;
      for (std::size_t r = 0; r < one.outputs.size() && !report_.divergence; ++r) {
        Compare(n, (*alone)[r], values_[n][r], BehindLibrary(n));
      }
    }
    if (!report_.divergence) report_.divergence = output;
    report_.divergence->when_fused = true;
  }

  // The first pass after which the interpreter computes something else, from the outputs that showed it.
  void FindPass() {
    ir::Graph shown = graph_;
    if (!report_.divergence->when_fused) {
      shown.outputs.clear();
      for (std::uint32_t r = 0; r < graph_.nodes[report_.divergence->node].results.size(); ++r) {
        shown.outputs.push_back({report_.divergence->node, r});
      }
    }
    const ir::InterpretOptions interpret{.custom_calls = &custom_calls_};
    const StatusOr<std::vector<Array>> expected = ir::interpret(shown, inputs_, interpret);
    CompileOptions observed = options_;
    observed.observe_pass = [&](const Pass& pass, const ir::Graph& before, const ir::Graph& after) {
      if (options_.observe_pass) options_.observe_pass(pass, before, after);
      if (!report_.divergence->pass.empty() || &before == &after) return;
      const StatusOr<std::vector<Array>> have = ir::interpret(after, inputs_, interpret);
      bool same =
          have.ok() == expected.ok() && (have.ok() || have.status().code() == expected.status().code());
      for (std::size_t o = 0; same && have.ok() && o < have->size(); ++o) {
        same = compare_bits((*have)[o], (*expected)[o]).empty();
      }
      if (!same) report_.divergence->pass = pass.name;
    };
    (void)run_pipeline(shown, observed).ok();
  }

  bool BehindLibrary(std::uint32_t n) {
    if (behind_.empty()) {
      for (const ir::Node& node : graph_.nodes) {
        bool behind = IsLibrary(node);
        for (const ir::Value v : node.inputs) behind = behind || behind_[v.node];
        behind_.push_back(behind);
      }
    }
    return behind_[n];
  }

  void Count(const Array& a) {
    ++report_.values;
    report_.elements += a.type.shape.num_elements();
  }

  // Bits; or, `loosely`, what the choice of a library's kernel leaves of them.
  void Compare(std::uint32_t n, const Outcome& have, const Outcome& want, bool loosely = false) {
    if (have.status.ok() != want.status.ok() || have.status.code() != want.status.code()) {
      const auto text = [](const Outcome& o) {
        return o.status.ok() ? std::string("has a value") : "fails: " + o.status.ToString();
      };
      Report(n, absl::StrCat(text(have), "; expected: ", text(want)));
      return;
    }
    if (!have.status.ok()) {
      if (report_.fault.ok()) report_.fault = have.status;
      return;
    }
    Count(have.array);
    std::string difference = compare_bits(have.array, want.array);
    if (loosely && !difference.empty()) {
      const DType dtype = have.array.type.dtype;
      if (!is_float(dtype)) {
        ++report_.skipped;
        return;
      }
      ++report_.rounded;
      const bool half = dtype == DType::f16 || dtype == DType::bf16;
      difference = compare_to_largest(have.array, want.array, half ? 2e-2 : 1e-3);
    }
    Report(n, std::move(difference));
  }

  void Report(std::uint32_t n, std::string difference) {
    if (difference.empty()) return;
    report_.divergence = Divergence{n, node_text(graph_, n), std::move(difference), "", false};
  }

  const ir::Graph& graph_;
  const std::span<const Array> inputs_;
  const CompileOptions& options_;
  CodeCache& code_;
  runtime::Engine& engine_;
  std::map<std::string, ir::CustomFunction> custom_calls_;
  std::vector<std::vector<Outcome>> values_;  // of each node, where all are kept
  std::vector<bool> behind_;                  // what a library contracts
  CheckReport report_;
};

}  // namespace

std::string CheckReport::ToString() const {
  if (divergence) {
    std::string text = absl::StrCat(divergence->text, "\n  ", divergence->difference, "\n  ");
    absl::StrAppend(&text,
                    divergence->pass.empty()
                        ? "every pass keeps what the graph means: lowering, code or the run is wrong"
                        : absl::StrCat("the pass ", divergence->pass, " changes what the graph means"));
    if (divergence->when_fused)
      absl::StrAppend(&text, "\n  only as it is fused: right when every value is kept");
    return text;
  }
  std::string text = absl::StrCat(values, " values (", elements, " elements) ");
  absl::StrAppend(&text, rounded == 0
                             ? "have the interpreter's bits"
                             : absl::StrCat("are the interpreter's, ", rounded,
                                            " of them up to the rounding of a library's contraction"));
  if (skipped > 0) absl::StrAppend(&text, "; ", skipped, " integer outputs behind one were not compared");
  if (!fault.ok()) absl::StrAppend(&text, "; both say: ", fault.ToString());
  return text;
}

StatusOr<CheckReport> check_graph(const ir::Graph& graph, std::span<const ir::Array> inputs,
                                  const CompileOptions& options, CodeCache& code, runtime::Engine& engine) {
  if (graph.has_symbols()) {
    return Status(Code::failed_precondition,
                  absl::StrCat("graph @", graph.name, " has symbolic dimensions; bind them first"));
  }
  const ir::Graph live = eliminate_dead_nodes(graph);
  return Checker(live, inputs, options, code, engine).Run();
}

}  // namespace leat::compiler
