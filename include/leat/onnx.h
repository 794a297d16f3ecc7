// ONNX models: read, run, turned into graphs, and written from them.
//
// A Model is made from a file or bytes, belongs to the Context that was current then, and is shared by
// copies. It is imported once per dtypes and shapes of its inputs, and per value of those inputs that decide
// a shape; a new size costs a plan, never a run of LLVM. Where a value that is computed decides a shape
// (NonZero, the end of a Loop), the model is built up to there, computed, and built on, in each run. Errors
// name the node. A model is data from a stranger: everything in it is checked, and bounded by LoadOptions.
// Any thread may run it.
//
//   onnx::Model model = onnx::load("resnet50.onnx").value();
//   std::map<std::string, Tensor> y = model.Run({{"image", image}}).value();   // handed over; not waited for
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/graph_builder.h"
#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat::onnx {

struct LoadOptions {
  /// Tensors may lie in other files beneath the model's folder; never through links, "..", or absolute paths.
  bool external_data = false;
  std::int64_t max_nodes = 200'000;                         // imported, counting each turn of a loop
  std::int64_t max_constant_bytes = std::int64_t{1} << 28;  // of what is computed while importing
  bool interpret = false;  // the interpreter computes everything: slow, and the reference
};

/// An input or an output as the model declares it.
struct ValueInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<Dim> dims;     // symbols where the extent is open
  bool has_shape = false;    // whether dims says anything
  bool has_default = false;  // an input that the model has a value for
};

struct Metadata {
  std::int64_t ir_version = 0, model_version = 0;
  std::string producer_name, producer_version, domain, doc_string, graph_name;
  std::map<std::string, std::int64_t> opsets;  // by domain; "" is ONNX's own
  std::map<std::string, std::string> properties;
};

class Model {
 public:
  const std::vector<ValueInfo>& inputs() const;
  const std::vector<ValueInfo>& outputs() const;
  const Metadata& metadata() const;

  /// Hands the run over and returns the outputs by name; what goes wrong while computing is in them. An error
  /// is invalid_argument for inputs that do not fit, and what importing found: unimplemented for operators
  /// that Leat has not, invalid_argument or data_loss naming the node.
  StatusOr<std::map<std::string, Tensor>> Run(const std::map<std::string, Tensor>& inputs) const;
  /// The same in the order of inputs() and outputs(); throws Error. Undefined tensors stand for defaults.
  std::vector<Tensor> operator()(std::span<const Tensor> inputs) const;
  std::vector<Tensor> operator()(std::initializer_list<Tensor> inputs) const {
    return (*this)(std::span(inputs.begin(), inputs.size()));
  }

  /// The graph for inputs of these types (those without a default, in order), constants included. Inputs that
  /// `values` names are constants too, and have no type among `inputs`: that is for those whose value decides
  /// a shape. failed_precondition where a shape depends on any other value.
  StatusOr<Graph> ToGraph(std::span<const GraphType> inputs,
                          const std::map<std::string, Tensor>& values = {}) const;

  struct [[gnu::visibility("hidden")]] State;
  explicit Model(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// Maps the file; its tensors are used where they lie, so it must not change while the Model lives.
/// not_found, data_loss for what is no model.
StatusOr<Model> load(const std::string& path, const LoadOptions& options = {});
/// From bytes, which are copied.
StatusOr<Model> load(std::span<const std::byte> bytes, const LoadOptions& options = {});

struct SaveOptions {
  std::vector<std::string> output_names{};  // "output_0", ... for those that have none
};

/// A static graph as an ONNX model of operator set 18, for Netron and other runtimes: nodes are named by
/// scopes and labels, and say where they were written. Read back, it has the graph's bits, but for attention,
/// which ONNX writes as two products and a softmax, 16-bit reductions, and convolutions with input dilation
/// where a weight is not finite (their gaps become zeros). unimplemented, naming the op and its place, for
/// what ONNX cannot say; failed_precondition for graphs with symbols.
StatusOr<std::string> to_bytes(const Graph& graph, const SaveOptions& options = {});
Status save(const Graph& graph, const std::string& path, const SaveOptions& options = {});

}  // namespace leat::onnx
#pragma GCC visibility pop
