#include "compiler/frontend/onnx/exporter.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/frontend/onnx/proto.h"
#include "ir/verifier.h"
#include "leat/onnx.h"

namespace leat::onnx {
namespace {

constexpr std::int64_t kIrVersion = 8, kOperatorSet = 18;
constexpr std::size_t kLargestFile = std::size_t{1} << 31;  // a message of protobuf is below 2 GiB
enum : std::uint32_t {                                      // fields of onnx.proto
  kNodeInput = 1,
  kNodeOutput = 2,
  kNodeName = 3,
  kNodeOp = 4,
  kNodeAttribute = 5,
  kNodeDoc = 6,
};

WireWriter value_info(const Name& name, const ir::Type& type) {
  WireWriter shape, tensor, proto, info;
  for (const std::int64_t extent : type.shape) shape.Message(1, WireWriter().Integer(1, extent));
  tensor.Integer(1, data_type_of(type.dtype)).Message(2, shape);
  proto.Message(1, tensor);
  return info.Bytes(1, name).Message(2, proto);
}

std::string shown(const ir::Graph& graph, const ir::Node& node) {
  const ir::NodeLocation& at = graph.locations[node.location < graph.locations.size() ? node.location : 0];
  return at.source.known() ? absl::StrCat(at.source.file, ":", at.source.line) : "";
}

}  // namespace

std::int64_t data_type_of(DType dtype) {
  static constexpr ElementType kTypes[kDTypeCount] = {
      ElementType::boolean, ElementType::i8,  ElementType::i16, ElementType::i32, ElementType::i64,
      ElementType::u8,      ElementType::u16, ElementType::u32, ElementType::u64, ElementType::f16,
      ElementType::bf16,    ElementType::f32, ElementType::f64};
  return static_cast<std::int64_t>(kTypes[static_cast<int>(dtype)]);
}

WireWriter attribute(std::string_view name, std::int64_t value) {
  return WireWriter().Bytes(1, name).Integer(3, value).Integer(20, 2);
}
WireWriter attribute(std::string_view name, const Extents& values) {
  WireWriter w;
  w.Bytes(1, name);
  for (const std::int64_t v : values) w.Integer(8, v);
  return w.Integer(20, 7);
}
WireWriter attribute(std::string_view name, std::string_view text) {
  return WireWriter().Bytes(1, name).Bytes(4, text).Integer(20, 3);
}
WireWriter attribute(std::string_view name, const WireWriter& graph) {
  return WireWriter().Bytes(1, name).Message(6, graph).Integer(20, 5);
}

Name Exporter::Fresh(std::string_view stem) {
  Name name(stem);
  for (int i = 1; !used_.insert(name).second; ++i) name = absl::StrCat(std::string(stem), "_", i);
  return name;
}

NameList Exporter::AddSeveral(std::string_view op, const NameList& inputs, std::size_t results,
                              const std::vector<WireWriter>& attributes) {
  const Name name = Fresh(scope_.empty() ? std::string(op) : absl::StrCat(scope_, "/", std::string(op)));
  NameList outputs;
  WireWriter node;
  for (const Name& input : inputs) node.Bytes(kNodeInput, input);
  for (std::size_t r = 0; r < results; ++r) {
    outputs.push_back(results == 1 ? name : Fresh(absl::StrCat(name, ".", r)));
    node.Bytes(kNodeOutput, outputs.back());
  }
  node.Bytes(kNodeName, name).Bytes(kNodeOp, op);
  for (const WireWriter& a : attributes) node.Message(kNodeAttribute, a);
  if (!place_.empty()) node.Bytes(kNodeDoc, place_);
  levels_.back().nodes.push_back(std::move(node));
  return outputs;
}

Name Exporter::Constant(const ir::Literal& literal) {
  std::string key(1, static_cast<char>(literal.type.dtype));
  absl::StrAppend(&key, literal.type.shape.ToString(), ":");
  const std::string_view bytes(reinterpret_cast<const char*>(literal.bytes.get()), literal.byte_count());
  const bool small = bytes.size() <= 256;  // large ones come once from the graph as well
  if (small) key.append(bytes);
  if (small && constants_.contains(key)) return constants_[key];
  const Name name = Fresh(scope_.empty() ? "constant" : scope_ + "/constant");
  WireWriter tensor;
  for (const std::int64_t extent : literal.type.shape) tensor.Integer(1, extent);
  tensor.Integer(2, data_type_of(literal.type.dtype)).Bytes(8, name).Bytes(9, bytes);
  levels_.front().initializers.push_back(std::move(tensor));
  if (small) constants_[key] = name;
  return name;
}

Name Exporter::Integers(const Extents& values) {
  return Constant(ir::make_literal({DType::i64, {static_cast<std::int64_t>(values.size())}}, values.data()));
}

Name Exporter::Scalar(DType dtype, double value) {
  return visit_dtype(dtype, [&]<class T>(T) {
    if constexpr (std::is_integral_v<T> || std::is_same_v<T, double>) {
      return Constant(ir::make_scalar(static_cast<T>(value)));
    } else {
      return Constant(ir::make_scalar(T(static_cast<float>(value))));
    }
  });
}

Name Exporter::Cast(const Name& x, DType dtype) {
  return Add("Cast", {x}, {attribute("to", data_type_of(dtype))});
}

Name Exporter::Reshape(const Name& x, const Shape& shape) {
  return Add("Reshape", {x, Integers(Extents(shape.begin(), shape.end()))}, {attribute("allowzero", 1)});
}

Name Exporter::Transpose(const Name& x, const Extents& dims) {
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] != static_cast<std::int64_t>(d)) return Add("Transpose", {x}, {attribute("perm", dims)});
  }
  return x;
}

WireWriter Exporter::Finish(std::string_view name, const std::vector<std::pair<Name, ir::Type>>& inputs,
                            const std::vector<std::pair<Name, ir::Type>>& outputs) {
  WireWriter graph;
  for (const WireWriter& node : levels_.back().nodes) graph.Message(1, node);
  graph.Bytes(2, name);
  for (const WireWriter& tensor : levels_.back().initializers) graph.Message(5, tensor);
  for (const auto& [n, type] : inputs) graph.Message(11, value_info(n, type));
  for (const auto& [n, type] : outputs) graph.Message(12, value_info(n, type));
  levels_.pop_back();
  return graph;
}

NameList Exporter::Inline(const ir::Graph& graph, const NameList& parameters) {
  std::vector<NameList> names(graph.nodes.size());
  for (std::size_t p = 0; p < graph.parameters.size(); ++p) names[graph.parameters[p]] = {parameters[p]};
  const std::string outer_scope = scope_, outer_place = place_;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter) continue;
    NameList inputs;
    for (const ir::Value v : node.inputs) inputs.push_back(names[v.node][v.result]);
    const ir::NodeLocation& at = graph.locations[node.location < graph.locations.size() ? node.location : 0];
    scope_ =
        at.scope.empty() || at.label.empty() ? at.scope + at.label : absl::StrCat(at.scope, "/", at.label);
    if (scope_.empty()) scope_ = outer_scope;
    place_ = shown(graph, node);
    switch (node.op) {
      case ir::Op::constant: names[n] = {Constant(node.attrs().literal(ir::Attr::value))}; break;
      case ir::Op::fused: names[n] = Inline(node.attrs().graph(ir::Attr::body), inputs); break;
      case ir::Op::cond:
      case ir::Op::while_loop: names[n] = ExportControl(node, inputs); break;
      default: try { names[n] = export_op(*this, graph, node, inputs);
        } catch (const Error& e) {
          throw Error(
              Status(e.code(),
                     absl::StrCat("ONNX has no ", std::string(ir::name(node.op)), ": ", e.status().message()),
                     at.source));
        }
    }
  }
  scope_ = outer_scope;
  place_ = outer_place;
  NameList outputs;
  for (const ir::Value v : graph.outputs) outputs.push_back(names[v.node][v.result]);
  return outputs;
}

// Branches read the operands from outside; a loop carries its values, and computes its condition in the body.
NameList Exporter::ExportControl(const ir::Node& node, const NameList& inputs) {
  const auto sub_graph = [&](const ir::Graph& body, const std::vector<std::pair<Name, ir::Type>>& parameters,
                             const auto& build) {
    levels_.emplace_back();
    const std::vector<std::pair<Name, ir::Type>> built = build();
    std::vector<std::pair<Name, ir::Type>> outputs;
    for (const auto& [name, type] : built) outputs.emplace_back(Add("Identity", {name}), type);
    return Finish(body.name, parameters, outputs);
  };
  if (node.op == ir::Op::cond) {
    const NameList operands(inputs.begin() + 1, inputs.end());
    const auto branch = [&](ir::Attr which) {
      const ir::Graph& body = node.attrs().graph(which);
      return sub_graph(body, {}, [&] {
        const NameList results = Inline(body, operands);
        std::vector<std::pair<Name, ir::Type>> outputs;
        for (std::size_t r = 0; r < results.size(); ++r) outputs.emplace_back(results[r], node.results[r]);
        return outputs;
      });
    };
    return AddSeveral("If", {inputs[0]}, node.results.size(),
                      {attribute("then_branch", branch(ir::Attr::then_branch)),
                       attribute("else_branch", branch(ir::Attr::else_branch))});
  }
  const ir::Graph& condition = node.attrs().graph(ir::Attr::condition);
  const ir::Graph& body = node.attrs().graph(ir::Attr::body);
  const ir::Type flag{DType::bool_, {}};
  std::vector<std::pair<Name, ir::Type>> parameters{{Fresh("turn"), {DType::i64, {}}},
                                                    {Fresh("again"), flag}};
  NameList carried;
  for (std::size_t r = 0; r < node.results.size(); ++r) {
    carried.push_back(Fresh("carried"));
    parameters.emplace_back(carried.back(), node.results[r]);
  }
  const WireWriter turn = sub_graph(body, parameters, [&] {
    const NameList next = Inline(body, carried);
    std::vector<std::pair<Name, ir::Type>> outputs{{Inline(condition, next)[0], flag}};
    for (std::size_t r = 0; r < next.size(); ++r) outputs.emplace_back(next[r], node.results[r]);
    return outputs;
  });
  NameList operands{"", Inline(condition, inputs)[0]};
  operands.insert(operands.end(), inputs.begin(), inputs.end());
  return AddSeveral("Loop", operands, node.results.size(), {attribute("body", turn)});
}

WireWriter Exporter::Run(const ir::Graph& graph, const NameList& output_names) {
  levels_.emplace_back();
  std::vector<std::pair<Name, ir::Type>> inputs, outputs;
  NameList parameters, taken;
  for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
    parameters.push_back(Fresh(graph.parameter_names[p]));
    inputs.emplace_back(parameters.back(), graph.nodes[graph.parameters[p]].type());
  }
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
    taken.push_back(Fresh(o < output_names.size() ? output_names[o] : absl::StrCat("output_", o)));
  }
  const NameList results = Inline(graph, parameters);
  for (std::size_t o = 0; o < results.size(); ++o) {
    WireWriter node;
    node.Bytes(kNodeInput, results[o]).Bytes(kNodeOutput, taken[o]);
    node.Bytes(kNodeName, Fresh(taken[o] + "/Identity")).Bytes(kNodeOp, "Identity");
    levels_.back().nodes.push_back(std::move(node));
    outputs.emplace_back(taken[o], graph.type(graph.outputs[o]));
  }
  return Finish(graph.name, inputs, outputs);
}

StatusOr<std::string> to_bytes(const Graph& graph, const SaveOptions& options) {
  const ir::Graph& g = graph.state().graph;
  if (g.has_symbols()) {
    return Status(Code::failed_precondition,
                  absl::StrCat("graph @", g.name, " has symbolic dimensions; bind them first"));
  }
  try {
    WireWriter model;
    model.Integer(1, kIrVersion).Bytes(2, "leat");
    model.Message(7, Exporter().Run(g, options.output_names));
    model.Message(8, WireWriter().Bytes(1, "").Integer(2, kOperatorSet));
    if (model.size() >= kLargestFile) {
      return Status(Code::resource_exhausted,
                    absl::StrCat("the model has ", model.size(), " bytes; an ONNX file has less than 2 GiB"));
    }
    return std::move(model).Take();
  } catch (const Error& e) {
    return e.status();
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, "out of memory while writing the model");
  }
}

Status save(const Graph& graph, const std::string& path, const SaveOptions& options) {
  const StatusOr<std::string> bytes = to_bytes(graph, options);
  if (!bytes.ok()) return bytes.status();
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  bool written = file != nullptr && std::fwrite(bytes->data(), 1, bytes->size(), file) == bytes->size();
  if (file != nullptr) written = std::fclose(file) == 0 && written;
  if (written) return {};
  return Status(Code::failed_precondition, absl::StrCat(path, ": cannot write: ", std::strerror(errno)));
}

}  // namespace leat::onnx
