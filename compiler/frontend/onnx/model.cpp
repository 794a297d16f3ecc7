// onnx::Model: loading, the choice of plans, runs.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/onnx/model_state.h"
#include "compiler/frontend/trace.h"

namespace leat::onnx {
namespace {

constexpr std::int64_t kMostInSignature = 4096;  // elements of an input whose value selects a plan
constexpr std::size_t kMostPlans = 256;          // values of such inputs that are remembered

std::string key_of(const std::vector<Tensor>& tensors, const std::set<std::uint32_t>& which) {
  std::string key;
  for (const std::uint32_t i : which) {
    const Tensor& t = tensors[i];
    key.push_back(static_cast<char>(t.dtype()));
    key.push_back(static_cast<char>(t.rank()));
    key.append(reinterpret_cast<const char*>(t.shape().data()), t.shape().size() * sizeof(std::int64_t));
    visit_dtype(t.dtype(), [&]<class T>(T) {
      const DataView<T> data = t.data<T>();
      key.append(reinterpret_cast<const char*>(data.data()), t.byte_count());
    });
  }
  return key;
}

// Which placeholders the tensor depends on.
std::set<std::uint32_t> placeholders_of(const Tensor& tensor) {
  std::set<std::uint32_t> found;
  std::set<const frontend::Node*> seen;
  std::vector<const frontend::Node*> stack{tensor.node()};
  while (!stack.empty()) {
    const frontend::Node* const n = stack.back();
    stack.pop_back();
    if (!n->traced && n->kind != frontend::Kind::placeholder) continue;
    if (!seen.insert(n).second) continue;
    if (n->kind == frontend::Kind::placeholder) found.insert(n->result);
    for (std::uint32_t i = 0; i < n->slot_count; ++i) {
      if (!n->is_scalar(i)) stack.push_back(n->slots[i].node);
    }
  }
  return found;
}

ValueInfo value_info(const ValueInfoProto& v) {
  ValueInfo info;
  info.name = v.name;
  if (const std::optional<DType> dtype = dtype_of(v.type.elem_type)) info.dtype = *dtype;
  info.has_shape = v.type.has_shape;
  int open = 0;
  for (const TypeProto::Dimension& d : v.type.shape) {
    if (d.value >= 0) {
      info.dims.emplace_back(d.value);
    } else {
      Dim dim("");
      dim.symbol = d.symbol.empty() ? absl::StrCat(info.name, "_", open) : std::string(d.symbol);
      info.dims.push_back(std::move(dim));
    }
    ++open;
  }
  return info;
}

}  // namespace

void Model::State::Describe() {
  const GraphProto& graph = *proto.graph;
  if (proto.opsets.empty()) {
    throw Error(Status(Code::data_loss, "not a valid ONNX file: it imports no operator set"));
  }
  std::set<std::string_view> initialised;
  for (const TensorProto& t : graph.initializers) initialised.insert(t.name);
  for (const SparseTensorProto& t : graph.sparse_initializers) initialised.insert(t.values.name);
  const auto check = [](const ValueInfoProto& v, std::string_view what) {
    constexpr std::string_view kKinds[] = {"an unknown type", "a tensor",    "a sequence",
                                           "a map",           "an optional", "a sparse tensor"};
    const std::string_view kind = kKinds[static_cast<std::size_t>(v.type.kind)];
    if (v.type.kind != TypeProto::Kind::tensor) {
      throw Error(Status(Code::unimplemented, absl::StrCat(std::string(what), " \"", std::string(v.name),
                                                           "\" is ", std::string(kind), ", not a tensor")));
    }
    if (v.type.elem_type != 0 && !dtype_of(v.type.elem_type)) {
      throw Error(Status(Code::unimplemented,
                         absl::StrCat(std::string(what), " \"", std::string(v.name), "\": elements of type ",
                                      describe_data_type(v.type.elem_type), " are not supported")));
    }
  };
  for (const ValueInfoProto& v : graph.inputs) {
    check(v, "input");
    inputs.push_back(value_info(v));
    inputs.back().has_default = initialised.contains(v.name);
  }
  for (const ValueInfoProto& v : graph.outputs) {
    check(v, "output");
    outputs.push_back(value_info(v));
  }
  metadata = {.ir_version = proto.ir_version,
              .model_version = proto.model_version,
              .producer_name = std::string(proto.producer_name),
              .producer_version = std::string(proto.producer_version),
              .domain = std::string(proto.domain),
              .doc_string = std::string(proto.doc_string),
              .graph_name = std::string(graph.name),
              .opsets = {},
              .properties = {}};
  for (const OperatorSetId& o : proto.opsets) {
    metadata.opsets[o.domain == "ai.onnx" ? "" : std::string(o.domain)] = o.version;
  }
  for (const auto& [key, value] : proto.metadata) metadata.properties[std::string(key)] = value;
}

void Model::State::Check(const std::vector<Tensor>& arguments) const {
  const auto fail = [](std::string what) { throw Error(Status(Code::invalid_argument, std::move(what))); };
  if (arguments.size() != inputs.size()) {
    fail(absl::StrCat("the model takes ", inputs.size(), " inputs, not ", arguments.size()));
  }
  std::map<std::string, std::int64_t> symbols;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ValueInfo& v = inputs[i];
    const Tensor& t = arguments[i];
    if (!t.defined()) {
      if (!v.has_default) fail(absl::StrCat("input \"", v.name, "\" is missing"));
      continue;
    }
    if (t.node()->context != context_state->id()) {
      throw Error(Status(Code::failed_precondition,
                         absl::StrCat("input \"", v.name, "\" belongs to another Context than the model")));
    }
    const std::string have = absl::StrCat(std::string(name(t.dtype())), t.shape().ToString());
    if (t.dtype() != v.dtype) {
      fail(
          absl::StrCat("input \"", v.name, "\" is ", have, ", the model takes ", std::string(name(v.dtype))));
    }
    if (!v.has_shape) continue;
    bool fits = t.shape().size() == v.dims.size();
    for (std::size_t d = 0; fits && d < v.dims.size(); ++d) {
      const std::int64_t extent = t.shape()[d];
      const Dim& dim = v.dims[d];
      fits = dim.symbol.empty() ? dim.extent == extent
                                : symbols.emplace(dim.symbol, extent).first->second == extent;
    }
    if (fits) continue;
    std::string want;
    for (const Dim& d : v.dims) {
      absl::StrAppend(&want, want.empty() ? "" : ",", d.symbol.empty() ? absl::StrCat(d.extent) : d.symbol);
    }
    fail(absl::StrCat("input \"", v.name, "\" is ", have, ", the model takes [", want, "]"));
  }
}

// `known` are the inputs whose values are part of the signature; undefined for the others.
std::vector<Tensor> Model::State::Import(const std::vector<Tensor>& arguments, ImportOptions::Mode mode,
                                         const std::vector<Tensor>& known) {
  Importer importer(proto, constants, ImportWith(mode));
  std::map<std::string, Item, std::less<>> items;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (known[i].defined()) {
      items[inputs[i].name] = {known[i], true};
    } else if (arguments[i].defined()) {
      items[inputs[i].name] = {arguments[i], false};
    }
  }
  return importer.Run(items);
}

// Whether a restart with more inputs in the signature will know the value.
bool Model::State::TakeIntoSignature(const NeedsValue& need, const std::vector<std::uint32_t>& ordinals,
                                     const std::vector<Tensor>& arguments) {
  bool grown = false;
  for (const std::uint32_t placeholder : placeholders_of(need.tensor)) {
    if (placeholder >= ordinals.size()) return false;  // a random draw
    const std::uint32_t input = ordinals[placeholder];
    if (arguments[input].num_elements() > kMostInSignature || is_float(arguments[input].dtype()))
      return false;
    grown = grown || !value_inputs.contains(input);
  }
  for (const std::uint32_t placeholder : placeholders_of(need.tensor))
    value_inputs.insert(ordinals[placeholder]);
  return grown;
}

std::vector<Tensor> Model::State::Call(const std::vector<Tensor>& arguments) {
  using Mode = ImportOptions::Mode;
  const std::lock_guard lock(mutex);
  if (!context_state->open()) {
    throw Error(Status(Code::context_gone, "the Context of the model was destroyed"));
  }
  const Context::Scope scope(*context);
  const std::vector<Tensor> none(inputs.size());
  if (options.interpret) return interpret_tensors(Import(arguments, Mode::interpret, none));
  while (!lazy) {
    std::vector<Tensor> known(inputs.size()), traced;
    std::vector<std::uint32_t> ordinals;
    for (std::uint32_t i = 0; i < arguments.size(); ++i) {
      if (!arguments[i].defined()) continue;
      if (value_inputs.contains(i)) {
        known[i] = arguments[i];
      } else {
        ordinals.push_back(i);
        traced.push_back(arguments[i]);
      }
    }
    std::string key = key_of(arguments, value_inputs);
    for (const Tensor& t : arguments) key.push_back(t.defined() ? '1' : '0');
    std::shared_ptr<CompiledBody>& body = bodies[key];
    if (body == nullptr) {
      body = std::make_shared<CompiledBody>([this, known, ordinals](std::span<const Tensor> placeholders) {
        std::vector<Tensor> all(inputs.size());
        for (std::size_t i = 0; i < ordinals.size(); ++i) all[ordinals[i]] = placeholders[i];
        if (frontend::Trace* const trace = frontend::Trace::current()) trace->keeps_captured = true;
        return Import(all, Mode::traced, known);
      });
    }
    try {
      std::vector<Tensor> results = body->Call(traced, {});
      if (bodies.size() > kMostPlans) bodies.clear();
      return results;
    } catch (const NeedsValue& need) {
      bodies.clear();
      if (!TakeIntoSignature(need, ordinals, arguments)) lazy = true;
    }
  }
  std::vector<Tensor> results = Import(arguments, Mode::lazy, none);
  eval(results);
  return results;
}

const std::vector<ValueInfo>& Model::inputs() const { return state_->inputs; }
const std::vector<ValueInfo>& Model::outputs() const { return state_->outputs; }
const Metadata& Model::metadata() const { return state_->metadata; }

std::vector<Tensor> Model::operator()(std::span<const Tensor> inputs) const {
  const std::vector<Tensor> arguments(inputs.begin(), inputs.end());
  state_->Check(arguments);
  return state_->Call(arguments);
}

StatusOr<std::map<std::string, Tensor>> Model::Run(const std::map<std::string, Tensor>& inputs) const {
  try {
    std::vector<Tensor> arguments(state_->inputs.size());
    for (const auto& [name, tensor] : inputs) {
      std::size_t i = 0;
      while (i < arguments.size() && state_->inputs[i].name != name) ++i;
      if (i == arguments.size()) {
        return Status(Code::invalid_argument, absl::StrCat("the model has no input \"", name, "\""));
      }
      arguments[i] = tensor;
    }
    std::vector<Tensor> results = (*this)(arguments);
    std::map<std::string, Tensor> named;
    for (std::size_t o = 0; o < results.size(); ++o) named[state_->outputs[o].name] = std::move(results[o]);
    return named;
  } catch (const Error& e) {
    return e.status();
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, "out of memory while importing the model");
  }
}

namespace {

StatusOr<Model> load(ModelBytes file, const LoadOptions& options) {
  const std::string path = file.path;
  try {
    auto state = std::make_shared<Model::State>(std::move(file), options);
    state->Describe();
    return Model(std::move(state));
  } catch (const Error& e) {
    return path.empty() ? e.status() : Status(e.code(), absl::StrCat(path, ": ", e.status().message()));
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, "out of memory while reading the model");
  }
}

}  // namespace

StatusOr<Model> load(const std::string& path, const LoadOptions& options) {
  try {
    ModelBytes file = map_file(path);
    file.external_data = options.external_data;
    return load(std::move(file), options);
  } catch (const Error& e) {
    return e.status();
  }
}

StatusOr<Model> load(std::span<const std::byte> bytes, const LoadOptions& options) {
  const std::shared_ptr<std::byte[]> copy(new (std::nothrow) std::byte[bytes.size() + 1]);
  if (copy == nullptr) return Status(Code::resource_exhausted, "no memory for the model");
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  ModelBytes file;
  file.bytes = {reinterpret_cast<const char*>(copy.get()), bytes.size()};
  file.owner = copy;
  file.external_data = options.external_data;
  return load(std::move(file), options);
}

}  // namespace leat::onnx
