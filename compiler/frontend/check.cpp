#include "leat/check.h"

#include "absl/strings/str_cat.h"
#include "compiler/check_graph.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/fill_inputs.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/reduce_graph.h"

namespace leat {
namespace {

Status no_symbols(const ir::Graph& graph, std::string_view what) {
  if (!graph.has_symbols()) return {};
  return Status(Code::failed_precondition,
                absl::StrCat(std::string(what), ": graph @", graph.name, " has symbolic dimensions"));
}

StatusOr<std::vector<ir::Array>> arrays_of(const ir::Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<ir::Array> arrays;
  if (inputs.size() != graph.parameters.size()) {
    return Status(Code::invalid_argument,
                  absl::StrCat("Check: ", inputs.size(), " inputs for a graph of ", graph.parameters.size()));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ir::Type& want = graph.nodes[graph.parameters[i]].type();
    const ir::Type have{inputs[i].dtype(), inputs[i].shape()};
    if (!(have == want)) {
      return Status(Code::invalid_argument, absl::StrCat("Check: input ", i, " is ", graph.ToString(have),
                                                         ", the graph wants ", graph.ToString(want)));
    }
    ir::Array array = ir::Array::Zeros(have);
    visit_dtype(have.dtype, [&]<class T>(T) {
      const DataView<T> data = inputs[i].data<T>();
      std::copy(data.begin(), data.end(), array.as<T>());
    });
    arrays.push_back(std::move(array));
  }
  return arrays;
}

}  // namespace

StatusOr<CheckReport> Check(const Graph& graph, const CheckOptions& options) {
  const ir::Graph& g = graph.state().graph;
  if (Status s = no_symbols(g, "Check"); !s.ok()) return s;
  Context& context = options.compile.context != nullptr ? *options.compile.context : Context::Current();
  const std::shared_ptr<frontend::ContextState> state = context.state();
  if (!state->open()) return Status(Code::context_gone, "Check: the Context is gone");
  StatusOr<std::vector<ir::Array>> inputs = options.inputs.empty() && !g.parameters.empty()
                                                ? frontend::fill_inputs(g, "normal", options.seed)
                                                : arrays_of(g, options.inputs);
  if (!inputs.ok()) return inputs.status();
  compiler::CompileOptions compile = state->compile_options();
  compile.fuse = options.compile.fuse;
  compile.exact_contractions = options.compile.exact_contractions || compile.exact_contractions;
  compile.tier = static_cast<compiler::Tier>(options.compile.tier);
  const StatusOr<compiler::CheckReport> report =
      compiler::check_graph(g, *inputs, compile, state->code(), state->engine());
  if (!report.ok()) return report.status();
  CheckReport result;
  result.agrees = report->agrees();
  result.values = report->values;
  result.elements = report->elements;
  result.rounded = report->rounded;
  result.fault = report->fault;
  result.text = report->ToString();
  if (report->divergence) {
    result.node = report->divergence->text;
    result.difference = report->divergence->difference;
    result.pass = report->divergence->pass;
  }
  return result;
}

StatusOr<Graph> Reduce(const Graph& graph, const std::function<bool(const Graph&)>& fails,
                       std::int64_t max_tries) {
  if (Status s = no_symbols(graph.state().graph, "Reduce"); !s.ok()) return s;
  if (!fails(graph)) return Status(Code::invalid_argument, "Reduce: the graph does not fail");
  const auto wrap = [](const ir::Graph& g) {
    return Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{g}));
  };
  return wrap(compiler::reduce_graph(graph.state().graph, [&](const ir::Graph& g) { return fails(wrap(g)); },
                                     {.max_tries = max_tries, .progress = {}}));
}

}  // namespace leat
