// One node as its op's function sees it: operands, attributes, and errors that name the node.
//
// Attributes are read through typed functions; one of another type, or a missing one without a fallback,
// throws leat::Error naming the node, the attribute and what was expected. Lives for the length of one call.
//
//   Results import_flatten(Call& c) {
//     return {flatten_at(c.input(0), c.integer("axis", 1))};
//   }
#pragma once

#include "absl/strings/str_cat.h"
#include "compiler/frontend/onnx/importer.h"

namespace leat::onnx {

using Integers = std::vector<std::int64_t>;
/// Outputs of a node, in order; undefined ones are absent.
using Results = std::vector<Tensor>;

class Call {
 public:
  Call(Importer& importer, const NodeProto& node, std::int64_t version, Items inputs, const NodeProto* caller)
      : importer_(importer), node_(node), version_(version), inputs_(std::move(inputs)), caller_(caller) {}

  Importer& importer() { return importer_; }
  const NodeProto& node() const { return node_; }
  /// Of the operator set that the model imports.
  std::int64_t version() const { return version_; }

  // --- operands ---
  std::size_t input_count() const { return inputs_.size(); }
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].tensor.defined(); }
  const Tensor& input(std::size_t i) const;
  /// Undefined where it is absent.
  Tensor optional(std::size_t i) const { return has(i) ? inputs_[i].tensor : Tensor(); }
  /// All of them; none may be absent.
  std::vector<Tensor> inputs() const;
  const Items& items() const { return inputs_; }
  const Items& sequence(std::size_t i) const;
  bool known(std::size_t i) const { return has(i) && inputs_[i].known; }
  /// The value of an operand that decides a shape or a structure; at most 2^20 elements.
  Integers integers(std::size_t i);
  std::vector<double> reals(std::size_t i);
  std::int64_t integer(std::size_t i);
  double real(std::size_t i);
  bool truth(std::size_t i) { return integer(i) != 0; }
  /// Extents of a tensor: fails where one is negative, or they make more than 2^40 elements.
  Shape shape_of(const Integers& extents) const;
  /// Before an op makes a table of its own: so many elements, which may be more than an integer can say.
  void Spend(double elements, std::size_t bytes_each) {
    importer_.Spend(elements * static_cast<double>(bytes_each));
  }
  /// Reads any value, as integers() does an operand.
  Integers integers_of(Item item);

  std::size_t output_count() const { return node_.outputs.size(); }
  bool wants(std::size_t o) const { return o < node_.outputs.size() && !node_.outputs[o].empty(); }

  // --- attributes ---
  bool has_attribute(std::string_view name) const { return Find(name) != nullptr; }
  std::int64_t integer(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  bool flag(std::string_view name, bool fallback = false) const { return integer(name, fallback) != 0; }
  double real(std::string_view name) const;
  double real(std::string_view name, double fallback) const;
  std::string text(std::string_view name, std::string_view fallback) const;
  Integers integers(std::string_view name) const;  // empty where it is absent
  std::vector<double> reals(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  const Tensor& tensor(std::string_view name);
  const GraphProto& graph(std::string_view name) const;
  const AttributeProto* Find(std::string_view name) const;

  // --- common readings ---
  /// 0 <= axis < rank from the attribute.
  int axis(std::string_view name, std::int64_t fallback, int rank) const;
  int normal_axis(std::int64_t axis, int rank) const;
  std::vector<int> normal_axes(const Integers& axes, int rank) const;
  /// Numbers of an operand from version `since`, of the attribute before; none where both are absent.
  std::optional<Integers> integers_or(std::size_t input, std::string_view attribute, std::int64_t since);
  DType dtype(std::string_view name, DType fallback) const;
  DType dtype_from(std::int64_t data_type) const;

  /// For ops whose results are not all known where all operands are, or are sequences.
  Results Give(Items items) {
    given_ = std::move(items);
    return {};
  }
  std::optional<Items>& given() { return given_; }

  template <class... Parts>
  [[noreturn]] void Fail(const Parts&... parts) const {
    Throw(Code::invalid_argument, absl::StrCat(parts...));
  }
  template <class... Parts>
  [[noreturn]] void Unsupported(const Parts&... parts) const {
    Throw(Code::unimplemented, absl::StrCat(parts...));
  }

 private:
  [[noreturn]] void Throw(Code code, std::string what) const { throw Error(Status(code, std::move(what))); }
  const AttributeProto* FindTyped(std::string_view name, AttributeProto::Type type, const char* want) const;

  Importer& importer_;
  const NodeProto& node_;
  const std::int64_t version_;
  Items inputs_;
  const NodeProto* const caller_;
  std::optional<Items> given_;
};

/// "f32[2,3]".
std::string type_text(const Tensor& x);

}  // namespace leat::onnx
