#include "compiler/frontend/onnx/call.h"

#include <algorithm>

namespace leat::onnx {
namespace {

using Type = AttributeProto::Type;

constexpr std::int64_t kMostRead = std::int64_t{1} << 20;  // shapes and repeats are short
constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

template <class To>
std::vector<To> converted(const void* data, DType dtype, std::int64_t count) {
  return visit_dtype(dtype, [&]<class From>(From) {
    const From* const from = static_cast<const From*>(data);
    std::vector<To> to;
    for (std::int64_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<From, float16> || std::is_same_v<From, bfloat16>) {
        to.push_back(static_cast<To>(static_cast<float>(from[i])));
      } else {
        to.push_back(static_cast<To>(from[i]));
      }
    }
    return to;
  });
}

}  // namespace

std::string type_text(const Tensor& x) { return std::string(name(x.dtype())) + x.shape().ToString(); }

const Tensor& Call::input(std::size_t i) const {
  if (!has(i)) {
    const bool sequence = i < inputs_.size() && inputs_[i].sequence != nullptr;
    Fail("input ", i, sequence ? " is a sequence, not a tensor" : " is missing");
  }
  return inputs_[i].tensor;
}

const Items& Call::sequence(std::size_t i) const {
  if (i >= inputs_.size() || inputs_[i].sequence == nullptr) Fail("input ", i, " must be a sequence");
  return *inputs_[i].sequence;
}

std::vector<Tensor> Call::inputs() const {
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < inputs_.size(); ++i) all.push_back(input(i));
  return all;
}

Integers Call::integers_of(Item item) {
  const Tensor t = item.tensor;
  if (t.num_elements() > kMostRead) Fail("the value of ", type_text(t), " decides a shape: too large");
  if (is_float(t.dtype())) Fail("the value of ", type_text(t), " must be integers");
  const std::shared_ptr<const void> data = importer_.Read(item, describe_node(node_));
  return converted<std::int64_t>(data.get(), t.dtype(), t.num_elements());
}
Shape Call::shape_of(const Integers& extents) const {
  std::int64_t elements = 1;
  for (const std::int64_t extent : extents) {
    if (extent < 0) Fail("a negative extent, ", extent);
    if (__builtin_mul_overflow(elements, std::max<std::int64_t>(extent, 1), &elements) ||
        elements > kMostElements)
      Fail("a tensor ", Shape(extents).ToString(), " is too large");
  }
  return Shape(extents);
}
Integers Call::integers(std::size_t i) {
  input(i);
  return integers_of(inputs_[i]);
}
std::vector<double> Call::reals(std::size_t i) {
  const Tensor& t = input(i);
  if (t.num_elements() > kMostRead) Fail("the value of ", type_text(t), " decides a shape: too large");
  const std::shared_ptr<const void> data = importer_.Read(inputs_[i], describe_node(node_));
  return converted<double>(data.get(), t.dtype(), t.num_elements());
}
std::int64_t Call::integer(std::size_t i) {
  const Integers all = integers(i);
  if (all.size() != 1) Fail("input ", i, " must be one number, got ", type_text(input(i)));
  return all[0];
}
double Call::real(std::size_t i) {
  const std::vector<double> all = reals(i);
  if (all.size() != 1) Fail("input ", i, " must be one number, got ", type_text(input(i)));
  return all[0];
}

const AttributeProto* Call::Find(std::string_view name) const {
  for (const AttributeProto& a : node_.attributes) {
    if (a.name != name) continue;
    if (a.ref_attr_name.empty()) return &a;
    if (caller_ == nullptr) return nullptr;
    for (const AttributeProto& b : caller_->attributes) {
      if (b.name == a.ref_attr_name) return &b;
    }
    return nullptr;
  }
  return nullptr;
}

const AttributeProto* Call::FindTyped(std::string_view name, Type type, const char* want) const {
  const AttributeProto* const a = Find(name);
  if (a != nullptr && a->type != type) Fail("attribute ", std::string(name), " must be ", want);
  return a;
}

std::int64_t Call::integer(std::string_view name, std::int64_t fallback) const {
  const AttributeProto* const a = FindTyped(name, Type::integer, "an integer");
  return a == nullptr ? fallback : a->i;
}
std::int64_t Call::integer(std::string_view name) const {
  if (!has_attribute(name)) Fail("attribute ", std::string(name), ", an integer, is missing");
  return integer(name, 0);
}
double Call::real(std::string_view name, double fallback) const {
  const AttributeProto* const a = FindTyped(name, Type::real, "a real number");
  return a == nullptr ? fallback : static_cast<double>(a->f);
}
double Call::real(std::string_view name) const {
  if (!has_attribute(name)) Fail("attribute ", std::string(name), ", a real number, is missing");
  return real(name, 0);
}
std::string Call::text(std::string_view name, std::string_view fallback) const {
  const AttributeProto* const a = FindTyped(name, Type::text, "a text");
  return std::string(a == nullptr ? fallback : a->s);
}
Integers Call::integers(std::string_view name) const {
  const AttributeProto* const a = FindTyped(name, Type::integers, "a list of integers");
  return a == nullptr ? Integers() : a->ints;
}
std::vector<double> Call::reals(std::string_view name) const {
  const AttributeProto* const a = FindTyped(name, Type::reals, "a list of real numbers");
  return a == nullptr ? std::vector<double>() : std::vector<double>(a->floats.begin(), a->floats.end());
}
std::vector<std::string> Call::texts(std::string_view name) const {
  const AttributeProto* const a = FindTyped(name, Type::texts, "a list of texts");
  return a == nullptr ? std::vector<std::string>()
                      : std::vector<std::string>(a->strings.begin(), a->strings.end());
}
const Tensor& Call::tensor(std::string_view name) {
  const AttributeProto* const a = FindTyped(name, Type::tensor, "a tensor");
  if (a == nullptr) Fail("attribute ", std::string(name), ", a tensor, is missing");
  return importer_.constant(*a->t);
}
const GraphProto& Call::graph(std::string_view name) const {
  const AttributeProto* const a = FindTyped(name, Type::graph, "a graph");
  if (a == nullptr) Fail("attribute ", std::string(name), ", a graph, is missing");
  return *a->g;
}

int Call::normal_axis(std::int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) Fail("axis ", axis, " of a tensor of rank ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}
int Call::axis(std::string_view name, std::int64_t fallback, int rank) const {
  return normal_axis(integer(name, fallback), rank);
}
std::vector<int> Call::normal_axes(const Integers& axes, int rank) const {
  std::vector<int> result;
  for (const std::int64_t a : axes) result.push_back(normal_axis(a, rank));
  return result;
}

std::optional<Integers> Call::integers_or(std::size_t i, std::string_view attribute, std::int64_t since) {
  if (version_ >= since) {
    if (has(i)) return integers(i);
    return std::nullopt;
  }
  if (has_attribute(attribute)) return integers(attribute);
  return std::nullopt;
}

DType Call::dtype_from(std::int64_t data_type) const {
  const std::optional<DType> d = onnx::dtype_of(static_cast<std::int32_t>(data_type));
  if (!d) {
    Unsupported("elements of type ", describe_data_type(static_cast<std::int32_t>(data_type)),
                " are not supported");
  }
  return *d;
}
DType Call::dtype(std::string_view name, DType fallback) const {
  return has_attribute(name) ? dtype_from(integer(name, 0)) : fallback;
}

}  // namespace leat::onnx
