#include "compiler/frontend/onnx/importer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/node.h"
#include "compiler/frontend/onnx/call.h"
#include "compiler/frontend/onnx/op_table.h"
#include "compiler/frontend/trace.h"
#include "leat/context.h"

namespace leat::onnx {
namespace {

constexpr std::int64_t kSmall = 4096;  // elements; what shape arithmetic needs is far below
constexpr int kMostNested = 100;       // graphs and functions within each other

std::string_view default_domain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

void collect_names(const NodeProto& node, std::vector<std::string_view>* names) {
  names->insert(names->end(), node.inputs.begin(), node.inputs.end());
  for (const AttributeProto& a : node.attributes) {
    if (a.g == nullptr) continue;
    for (const NodeProto& inner : a.g->nodes) collect_names(inner, names);
    for (const ValueInfoProto& v : a.g->outputs) names->push_back(v.name);
  }
}

// Nodes that ops built have places in this folder. They get the place of the ONNX node: the model's file, and
// the node's ordinal as the line.
void stamp(const Items& results, SourceLocation place) {
  static const std::string_view kFolder = [] {
    const std::string_view file = __FILE__;
    return file.substr(0, file.rfind('/') + 1);
  }();
  std::vector<frontend::Node*> stack;
  const auto visit = [&](frontend::Node* n) {
    if (n == nullptr || !std::string_view(n->where.file).starts_with(kFolder)) return;
    n->where = place;
    stack.push_back(n);
  };
  const std::function<void(const Items&)> visit_all = [&](const Items& items) {
    for (const Item& i : items) {
      visit(i.tensor.node());
      if (i.sequence != nullptr) visit_all(*i.sequence);
    }
  };
  visit_all(results);
  while (!stack.empty()) {
    frontend::Node* const n = stack.back();
    stack.pop_back();
    if (n->kind == frontend::Kind::leaf || n->kind == frontend::Kind::placeholder) continue;
    for (std::uint32_t i = 0; i < n->slot_count; ++i) {
      if (!n->is_scalar(i)) visit(n->slots[i].node);
    }
  }
}

// Of what is still to be computed.
std::size_t bytes_of(const Items& items) {
  std::size_t bytes = 0;
  for (const Item& i : items) {
    if (i.tensor.defined() && !i.tensor.ready()) bytes += i.tensor.byte_count();
    if (i.sequence != nullptr) bytes += bytes_of(*i.sequence);
  }
  return bytes;
}

}  // namespace

std::string describe_node(const NodeProto& node) {
  return absl::StrCat(node.name.empty() ? "" : absl::StrCat("\"", std::string(node.name), "\" "), "(",
                      std::string(node.op_type), ", node ", node.ordinal, ")");
}

const Tensor& ConstantPool::Get(const TensorProto& tensor) {
  Tensor& made = made_[&tensor];
  if (!made.defined()) made = make_constant(tensor, file_);
  return made;
}
const Tensor& ConstantPool::Get(const SparseTensorProto& tensor, std::int64_t max_bytes) {
  Tensor& made = made_[&tensor];
  if (!made.defined()) made = make_constant(tensor, file_, max_bytes);
  return made;
}

Generator& ConstantPool::GeneratorOf(const NodeProto& node, std::optional<float> seed) {
  const std::uint64_t fresh = generators_.size() + 1;
  return generators_.try_emplace(&node, seed ? std::bit_cast<std::uint32_t>(*seed) : fresh).first->second;
}

Importer::Importer(const ModelProto& model, ConstantPool& constants, const ImportOptions& options)
    : model_(model),
      constants_(constants),
      options_(options),
      file_(ir::intern_file(constants.file().path.empty() ? "<onnx>" : constants.file().path)),
      opsets_(&model.opsets) {
  for (const FunctionProto& f : model.functions) functions_[{default_domain(f.domain), f.name}] = &f;
}

std::int64_t Importer::version_of(std::string_view domain) const {
  for (const OperatorSetId& o : *opsets_) {
    if (default_domain(o.domain) == domain) return o.version;
  }
  return domain.empty() && opsets_->empty() ? 1 : -1;
}

Item Importer::Find(std::string_view name, const Scope& scope) const {
  for (const Scope* s = &scope; s != nullptr; s = s->outer) {
    if (const auto it = s->values.find(name); it != s->values.end()) return it->second;
  }
  throw Error(Status(Code::invalid_argument,
                     absl::StrCat("\"", std::string(name), "\" is not defined before it is used")));
}

Items Importer::Outputs(std::span<const std::string_view> names, const Scope& scope) const {
  Items outputs;
  for (const std::string_view name : names) {
    outputs.push_back(Find(name, scope));
    if (outputs.back().absent()) {
      throw Error(Status(Code::invalid_argument,
                         absl::StrCat("output \"", std::string(name), "\": its node gives no value")));
    }
  }
  return outputs;
}

const Importer::Lifetimes& Importer::LifetimesOf(const std::vector<NodeProto>& nodes,
                                                 std::span<const std::string_view> kept) {
  Lifetimes& lifetimes = lifetimes_[&nodes];
  if (lifetimes.size() == nodes.size()) return lifetimes;
  std::unordered_map<std::string_view, std::size_t> last;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    names.assign(nodes[i].outputs.begin(), nodes[i].outputs.end());  // of no use to anyone: dropped at once
    collect_names(nodes[i], &names);
    for (const std::string_view n : names) last[n] = i;
  }
  for (const std::string_view n : kept) last.erase(n);
  lifetimes.resize(nodes.size());
  for (const auto& [n, i] : last) lifetimes[i].push_back(n);
  return lifetimes;
}

void Importer::RunNodes(const std::vector<NodeProto>& nodes, std::span<const std::string_view> kept,
                        Scope& scope) {
  const Lifetimes& lifetimes = LifetimesOf(nodes, kept);
  scopes_.push_back(&scope);
  struct Leave {
    std::vector<Scope*>& scopes;
    ~Leave() { scopes.pop_back(); }
  } leave{scopes_};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Items results = RunNode(nodes[i], scope);
    for (std::size_t o = 0; o < nodes[i].outputs.size() && o < results.size(); ++o) {
      if (!nodes[i].outputs[o].empty() && !results[o].absent()) {
        scope.values[nodes[i].outputs[o]] = std::move(results[o]);
      }
    }
    for (const std::string_view name : lifetimes[i]) scope.values.erase(name);
  }
}

Items Importer::RunNode(const NodeProto& node, Scope& scope) {
  const SourceLocation place{file_, node.ordinal};
  try {
    if (++imported_ > options_.max_nodes) {
      throw Error(Status(Code::resource_exhausted,
                         absl::StrCat("more than ", options_.max_nodes,
                                      " nodes, counting each turn of a loop (LoadOptions::max_nodes)")));
    }
    const LabelScope label(node.name.empty() ? absl::StrCat(std::string(node.op_type), "_", node.ordinal)
                                             : std::string(node.name));
    Items inputs;
    for (const std::string_view name : node.inputs)
      inputs.push_back(name.empty() ? Item() : Find(name, scope));
    const std::string_view domain = default_domain(node.domain);
    const auto function = functions_.find({domain, node.op_type});
    Items results = function != functions_.end() ? CallFunction(*function->second, node, std::move(inputs))
                                                 : CallOp(node, std::move(inputs), domain);
    stamp(results, place);
    return results;
  } catch (const Error& e) {
    const Status& s = e.status();
    const bool placed = s.where().file == file_;
    throw Error(
        Status(s.code(), absl::StrCat(describe_node(node), ": ", s.message()), placed ? s.where() : place));
  }
}

Items Importer::CallFunction(const FunctionProto& f, const NodeProto& node, Items inputs) {
  if (++depth_ > kMostNested)
    throw Error(Status(Code::resource_exhausted, "functions call each other too deeply"));
  Scope scope;
  for (std::size_t i = 0; i < f.inputs.size(); ++i) {
    scope.values[f.inputs[i]] = i < inputs.size() ? inputs[i] : Item();
  }
  const Opsets* const outer = std::exchange(opsets_, &f.opsets);
  // Attributes of the caller may themselves refer to its caller's.
  NodeProto resolved = node;
  for (AttributeProto& a : resolved.attributes) {
    if (a.ref_attr_name.empty()) continue;
    const Call call(*this, node, 1, {}, callers_.empty() ? nullptr : callers_.back());
    const std::string_view name = a.name;
    if (const AttributeProto* const from = call.Find(name)) a = *from;
    a.name = name;
    a.ref_attr_name = {};
  }
  callers_.push_back(&resolved);
  RunNodes(f.nodes, f.outputs, scope);
  callers_.pop_back();
  opsets_ = outer;
  --depth_;
  Items results;
  for (const std::string_view name : f.outputs) results.push_back(Find(name, scope));
  return results;
}

Items Importer::CallOp(const NodeProto& node, Items inputs, std::string_view domain) {
  const std::int64_t version = version_of(domain);
  const std::string op(node.op_type);
  if (!domain.empty()) {
    throw Error(Status(Code::unimplemented,
                       absl::StrCat("operators of domain ", std::string(domain), " are not supported")));
  }
  const OpRow* const row = find_op(node.op_type, version);
  if (row == nullptr) {
    throw Error(Status(Code::unimplemented,
                       absl::StrCat("operator ", op, " of operator set ", version, " is not supported")));
  }
  bool known = row->rule == KnownRule::shapes;
  if (row->rule == KnownRule::operands) {
    known = true;
    for (const Item& i : inputs) known = known && (i.known || i.absent());
  }
  const NodeProto* const caller = callers_.empty() ? nullptr : callers_.back();
  Call call(*this, node, version, std::move(inputs), caller);
  const auto run = [&] {
    call.given().reset();
    std::vector<Tensor> tensors = row->import(call);
    if (call.given()) return *std::move(call.given());
    Items results;
    for (Tensor& t : tensors) results.push_back({std::move(t), known});
    return results;
  };
  if (!known) return run();
  const std::int64_t known_before = known_bytes_;
  {
    const frontend::Untraced untraced;
    Items results = run();
    const auto bytes = static_cast<std::int64_t>(bytes_of(results));
    if (bytes <= options_.max_known_bytes - known_bytes_) {
      Settle(results);
      return results;
    }
  }
  known = false;  // too large to be computed while importing: it becomes part of the program
  known_bytes_ = known_before;
  return run();
}

void Importer::Spend(double bytes) {
  if (bytes > static_cast<double>(options_.max_known_bytes - known_bytes_)) {
    throw Error(
        Status(Code::resource_exhausted,
               absl::StrCat("needs ", bytes, " bytes for constants of its own, of ", options_.max_known_bytes,
                            " (LoadOptions::max_constant_bytes) ", known_bytes_, " are spent")));
  }
  known_bytes_ += static_cast<std::int64_t>(bytes);
}

void Importer::Settle(Items& items) {
  std::vector<Tensor> small;
  for (const Item& i : items) {
    if (!i.known || !i.tensor.defined() || i.tensor.ready()) continue;
    known_bytes_ += static_cast<std::int64_t>(i.tensor.byte_count());
    if (i.tensor.num_elements() <= kSmall) small.push_back(i.tensor);
  }
  if (small.empty()) return;
  const std::vector<Tensor> values = interpret_tensors(small);
  for (Item& i : items) {
    for (std::size_t s = 0; s < small.size(); ++s) {
      if (i.tensor.node() == small[s].node()) {
        i.tensor = values[s];
        break;
      }
    }
  }
}

Items Importer::RunBody(const GraphProto& body, const Items& inputs) {
  if (++depth_ > kMostNested) throw Error(Status(Code::resource_exhausted, "graphs are nested too deeply"));
  if (inputs.size() > body.inputs.size()) {
    throw Error(Status(Code::invalid_argument,
                       absl::StrCat("its graph takes ", body.inputs.size(), " inputs, not ", inputs.size())));
  }
  Scope scope{scopes_.back(), {}};
  for (const TensorProto& t : body.initializers) scope.values[t.name] = {constants_.Get(t), true};
  for (std::size_t i = 0; i < inputs.size(); ++i) scope.values[body.inputs[i].name] = inputs[i];
  std::vector<std::string_view> names;
  for (const ValueInfoProto& o : body.outputs) names.push_back(o.name);
  RunNodes(body.nodes, names, scope);
  --depth_;
  return Outputs(names, scope);
}

std::vector<Tensor> Importer::Run(const std::map<std::string, Item, std::less<>>& inputs) {
  const GraphProto& graph = *model_.graph;
  Scope scope;
  for (const TensorProto& t : graph.initializers) scope.values[t.name] = {constants_.Get(t), true};
  for (const SparseTensorProto& t : graph.sparse_initializers) {
    scope.values[t.values.name] = {constants_.Get(t, options_.max_known_bytes), true};
  }
  for (const ValueInfoProto& v : graph.inputs) {
    const auto it = inputs.find(v.name);
    if (it != inputs.end()) scope.values[v.name] = it->second;
  }
  std::vector<std::string_view> names;
  for (const ValueInfoProto& o : graph.outputs) names.push_back(o.name);
  RunNodes(graph.nodes, names, scope);
  std::vector<Tensor> results;
  for (Item& item : Outputs(names, scope)) results.push_back(std::move(item.tensor));
  return results;
}

std::shared_ptr<const void> Importer::Read(Item& item, std::string_view node) {
  if (!item.known && options_.mode == ImportOptions::Mode::traced) {
    throw NeedsValue{item.tensor, std::string(node)};
  }
  const frontend::Untraced untraced;
  if (!item.tensor.ready()) {
    if (item.known || options_.mode == ImportOptions::Mode::interpret) {
      ComputeLive();
      if (!item.tensor.ready()) item.tensor = interpret_tensors(std::span(&item.tensor, 1))[0];
    } else {
      item.tensor.eval();  // small; then everything that has been built and is still of use, in one run
      ComputeLive();
      item.tensor.wait();
    }
  }
  return visit_dtype(item.tensor.dtype(), [&]<class T>(T) -> std::shared_ptr<const void> {
    auto view = std::make_shared<DataView<T>>(item.tensor.data<T>());
    return {view, view->data()};
  });
}

void Importer::ComputeLive() {
  if (options_.mode == ImportOptions::Mode::traced) return;
  std::vector<Item*> live;
  std::vector<Tensor> tensors;
  const std::function<void(Item&)> add = [&](Item& item) {
    if (item.sequence != nullptr) std::for_each(item.sequence->begin(), item.sequence->end(), add);
    if (item.known || !item.tensor.defined() || item.tensor.ready()) return;
    live.push_back(&item);
    tensors.push_back(item.tensor);
  };
  for (Scope* scope : scopes_) {
    for (auto& [name, item] : scope->values) add(item);
  }
  if (tensors.empty()) return;
  if (options_.mode == ImportOptions::Mode::lazy) {
    eval(tensors);
    return;
  }
  const std::vector<Tensor> values = interpret_tensors(tensors);
  for (std::size_t i = 0; i < live.size(); ++i) live[i]->tensor = values[i];
}

}  // namespace leat::onnx
