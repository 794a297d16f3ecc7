// The targets of programs: text IR and ONNX models.
#include <algorithm>
#include <functional>
#include <span>

#include "compiler/count_work.h"
#include "compiler/frontend/graph_state.h"
#include "ir/inference.h"
#include "ir/verifier.h"
#include "leat/check.h"
#include "leat/context.h"
#include "leat/create.h"
#include "leat/executable.h"
#include "leat/onnx.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace leat::fuzz {
namespace {

// One for all inputs, as a service would have it.
Context& context() {
  static Context* const c = new Context({.workers = 1, .memory_limit = 256 << 20, .tier = Tier::tiles});
  return *c;
}

constexpr onnx::LoadOptions kBudget{.max_nodes = 2000, .max_constant_bytes = 1 << 20};

// Whether it is computed in milliseconds, by the interpreter, too: static, and little work. Loops are not:
// they run for as long as they say.
class Size {
 public:
  explicit Size(const ir::Graph& graph) { Add(graph); }
  bool small() const { return small_ && nodes_ <= 300 && elements_ <= 1 << 16 && operations_ <= 1 << 20; }

 private:
  void Add(const ir::Graph& graph) {
    small_ = small_ && !graph.has_symbols();
    for (const ir::Node& node : graph.nodes) {
      if (++nodes_ > 300) small_ = false;
      if (node.op == ir::Op::while_loop) small_ = false;
      for (const ir::Type& type : node.results) {
        small_ = small_ && type.shape.is_static();
        if (small_) elements_ += static_cast<double>(type.shape.num_elements());
      }
      if (!small_) return;
      const compiler::Work work = compiler::count_work(graph, node);
      operations_ += work.operations + work.transcendentals;
      for (const auto& [attr, value] : node.attrs().list()) {
        if (const auto* sub = std::get_if<std::shared_ptr<const ir::Graph>>(&value)) Add(**sub);
        if (!small_) return;
      }
    }
  }
  bool small_ = true;
  int nodes_ = 0;
  double elements_ = 0, operations_ = 0;
};

Graph wrap(ir::Graph graph) {
  return Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{std::move(graph)}));
}

// Read back from ONNX it is a graph of the same outputs, unless only a run has the end of a loop.
void export_and_import(const Graph& graph) {
  const StatusOr<std::string> bytes = onnx::to_bytes(graph);
  if (!bytes.ok()) {
    require(bytes.status().code() == Code::unimplemented, "what ONNX cannot say is unimplemented",
            bytes.status());
    return;
  }
  const StatusOr<onnx::Model> model = onnx::load(std::as_bytes(std::span(*bytes)), {});
  require(model.ok(), "an exported model loads", model.status());
  std::vector<GraphType> types;
  const ir::Graph& g = graph.state().graph;
  for (const std::uint32_t p : g.parameters) {
    GraphType type{g.nodes[p].type().dtype, {}};
    for (const std::int64_t extent : g.nodes[p].type().shape) type.dims.emplace_back(extent);
    types.push_back(std::move(type));
  }
  const StatusOr<Graph> again = model->ToGraph(types);
  require(again.ok() || again.status().code() == Code::failed_precondition ||
              again.status().code() == Code::invalid_argument,  // a fault that importing meets
          "an exported model is imported", again.status());
  for (std::size_t o = 0; again.ok() && o < g.outputs.size(); ++o) {
    require(again->output_type(o) == graph.output_type(o), "and has the same types");
  }
}

// `draw` decides now and then for machine code, which costs a hundred times as much.
void check_static_graph(const Graph& graph, std::size_t draw) {
  if (graph.state().graph.nodes.size() > 1000) return;
  const StatusOr<Executable> executable = Compile(graph, {.tier = Tier::tiles});  // whatever its sizes
  require(executable.ok() || executable.status().code() != Code::internal, "no pass breaks a graph",
          executable.status());
  if (!Size(graph.state().graph).small()) return;
  CheckOptions options;
  options.compile.tier = draw % 64 == 0 ? Tier::machine_code : Tier::tiles;
  options.compile.exact_contractions = true;
  options.seed = draw;
  const StatusOr<CheckReport> report = Check(graph, options);
  require(report.ok() || report.status().code() != Code::internal, "no pass breaks a graph", report.status());
  require(!report.ok() || report->agrees, "compiled and interpreted bits are the same",
          report.ok() ? report->text + "\n" + graph.ToString() : "");
  export_and_import(graph);
}

// One graph of `share`, as `draw` has it, is compiled and run.
void check_graph(const Graph& graph, std::size_t draw, std::size_t share) {
  const ir::Graph& g = graph.state().graph;
  const Status verified = ir::verify(g);
  require(verified.ok(), "a graph that was read is a graph", verified);
  const std::string text = graph.ToString();
  const StatusOr<Graph> again = Graph::Parse(text, "printed");
  require(again.ok(), "what is printed parses", again.status().ToString() + "\n" + text);
  require(again->ToString() == text, "print of parse of print is print", text);
  if (draw / 64 % share != 0) return;
  if (!g.has_symbols()) return check_static_graph(graph, draw);
  std::vector<std::int64_t> extents;
  for (const ir::Symbol& s : g.symbols) {
    extents.push_back(s.bound < 0 ? 2 + static_cast<std::int64_t>(draw % 2)
                                  : std::min<std::int64_t>(s.bound, 3));
  }
  StatusOr<ir::Graph> bound = ir::bind_symbols(g, extents);
  if (!bound.ok()) return;
  const Status still = ir::verify(*bound);
  require(still.ok(), "binding symbols keeps a graph a graph", still);
  check_static_graph(wrap(*std::move(bound)), draw);
}

}  // namespace

void fuzz_text(std::string_view bytes) {
  const Context::Scope scope(context());
  const StatusOr<Graph> graph = Graph::Parse(bytes, "fuzz");
  if (!graph.ok()) {
    require(graph.status().message().starts_with("fuzz:"), "an error says where it is", graph.status());
    require(graph.status().code() != Code::internal, "bad text is the writer's error", graph.status());
    return;
  }
  check_graph(*graph, std::hash<std::string_view>()(bytes), 1);
}

void fuzz_onnx(std::string_view bytes) {
  const Context::Scope scope(context());
  const StatusOr<onnx::Model> model = onnx::load(std::as_bytes(std::span(bytes)), kBudget);
  if (!model.ok()) {
    require(!model.status().message().empty() && model.status().code() != Code::internal,
            "an error says what is wrong", model.status());
    return;
  }
  std::vector<GraphType> types;
  double elements = 0;
  for (const onnx::ValueInfo& v : model->inputs()) {
    if (v.has_default) continue;
    GraphType type{v.dtype, v.dims};
    double count = 1;
    for (Dim& d : type.dims) {
      if (!d.symbol.empty()) d = 2;
      count *= static_cast<double>(d.extent);
    }
    elements += count;
    if (elements > 1 << 16) return;
    types.push_back(std::move(type));
  }
  const StatusOr<Graph> graph = model->ToGraph(types);
  if (graph.ok()) return check_graph(*graph, std::hash<std::string_view>()(bytes), 8);
  require(!graph.status().message().empty() && graph.status().code() != Code::internal,
          "an error says what is wrong", graph.status());
  if (graph.status().code() != Code::failed_precondition) return;
  std::map<std::string, Tensor> inputs;  // of types that were found to be good
  for (const onnx::ValueInfo& v : model->inputs()) {
    if (v.has_default) continue;
    Shape shape;
    for (const Dim& d : v.dims) shape.push_back(d.symbol.empty() ? d.extent : 2);
    inputs[v.name] = ones(shape, v.dtype);
  }
  const StatusOr<std::map<std::string, Tensor>> outputs = model->Run(inputs);
  require(outputs.ok() || outputs.status().code() != Code::internal, "an error says what is wrong",
          outputs.status());
  if (!outputs.ok()) return;
  for (const auto& [name, tensor] : *outputs) {
    require(tensor.status().code() != Code::internal, "a fault says what is wrong", tensor.status());
  }
}

}  // namespace leat::fuzz
