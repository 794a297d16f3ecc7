#include "compiler/frontend/build.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/attribute_words.h"
#include "ir/inference.h"

namespace leat::frontend {
namespace {

// Owns a node until it is complete.
class Building {
 public:
  explicit Building(std::uint32_t slots) : node_(new_node(slots)) { node_->traced = tracing_depth() > 0; }
  ~Building() {
    if (node_ != nullptr) release(node_);
  }
  Building(const Building&) = delete;
  Building& operator=(const Building&) = delete;
  Node* operator->() const { return node_; }
  void Use(std::uint32_t slot, Node* operand) {
    retain(operand);
    node_->slots[slot].node = operand;
    node_->traced |= operand->traced && operand->kind != Kind::leaf;
    const std::uint32_t depth = operand->depth.load(std::memory_order_relaxed) + 1;
    if (depth > node_->depth.load(std::memory_order_relaxed))
      node_->depth.store(depth, std::memory_order_relaxed);
  }
  void UseScalar(std::uint32_t slot, std::uint64_t bits, bool frozen) {
    node_->slots[slot].bits = bits;
    node_->scalars |= static_cast<std::uint8_t>(1u << slot);
    if (frozen) node_->frozen |= static_cast<std::uint8_t>(1u << slot);
  }
  Tensor Finish() { return Tensor(std::exchange(node_, nullptr)); }

 private:
  Node* node_;
};

std::string_view op_name(ir::Op op) { return ir::op_info(op).name; }

[[noreturn, gnu::cold]] void mixed_contexts(ir::Op op, SourceLocation where) {
  fail(Code::failed_precondition, std::string(op_name(op)) + ": the operands belong to different Contexts",
       where);
}

[[noreturn, gnu::cold]] void undefined(ir::Op op, SourceLocation where) {
  fail(Code::failed_precondition,
       std::string(op_name(op)) +
           ": an operand has no value (the Tensor was default-constructed or moved from)",
       where);
}

// The error that inference gives for these operand types; for the checks of the fast path.
[[noreturn, gnu::cold]] void infer_error(ir::Op op, std::span<const ir::Type> types, SourceLocation where) {
  const StatusOr<ir::Types> result = ir::infer(op, types, {});
  if (!result.ok()) fail(result.status(), where);
  fail(Code::internal, std::string(op_name(op)) + ": rejected by the frontend only", where);
}

Tensor deep_checked(Tensor t) {
  // 1024: far below every limit that makes sense, far above what short expressions reach.
  if (t.node()->depth.load(std::memory_order_relaxed) >= 1024) [[unlikely]]
    flush_if_deep(t);
  return t;
}

// Operands of an elementwise op once they have one dtype: shapes, type rule, node.
Tensor finish_elementwise(ir::Op op, const Operand* operands, std::uint32_t count, DType dtype,
                          std::uint32_t first) {
  const ir::OpInfo& info = ir::op_info(op);
  const Node* lead = nullptr;
  bool one_shape = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (operands[i].is_scalar()) continue;
    const Node* n = operands[i].node();
    if (lead == nullptr) {
      lead = n;
    } else {
      if (n->context != lead->context) mixed_contexts(op, operands[i].where());
      if (!(n->shape == lead->shape)) one_shape = false;
    }
  }
  if (!ir::accepts(info.types, dtype)) {
    const std::vector<ir::Type> types(count, ir::Type{dtype, lead->shape});
    infer_error(op, types, operands[0].where());
  }
  Building node(count);
  node->op = op;
  node->context = lead->context;
  node->where = operands[0].where();
  node->scalar_dtype = dtype;
  node->dtype =
      info.family == ir::Family::compare || info.family == ir::Family::classify ? DType::bool_ : dtype;
  if (one_shape) {
    node->shape = lead->shape;
  } else {
    Shape shape = lead->shape;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (operands[i].is_scalar()) continue;
      StatusOr<Shape> both = ir::broadcast_shapes(shape, operands[i].node()->shape);
      if (!both.ok()) {
        fail(Code::invalid_argument, std::string(info.name) + ": " + both.status().message(),
             operands[0].where());
      }
      shape = *std::move(both);
    }
    check_shape(shape, node->dtype, info.name, operands[0].where());
    node->shape = std::move(shape);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (operands[i].is_scalar()) {
      const DType as = i < first ? DType::bool_ : dtype;
      node.UseScalar(i, encode_scalar(operands[i], as, info.name), operands[i].is_frozen());
    } else {
      node.Use(i, operands[i].node());
    }
  }
  return deep_checked(node.Finish());
}

}  // namespace

int& tracing_depth() {
  static thread_local constinit int depth = 0;
  return depth;
}

Tensor make_elementwise(ir::Op op, const Operand* operands, std::uint32_t count) {
  const std::uint32_t first = op == ir::Op::select ? 1 : 0;
  // A predicate decides nothing about the dtype of the result.
  bool any_tensor = false, mixed = false;
  DType dtype = DType::f32;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (operands[i].is_scalar()) continue;
    const Node* n = operands[i].node();
    if (n == nullptr) undefined(op, operands[i].where());
    if (i < first) {
      if (n->dtype != DType::bool_) {
        const ir::Type rest{DType::f32, n->shape};
        const ir::Type types[] = {n->type(), rest, rest};
        infer_error(op, types, operands[i].where());
      }
      continue;
    }
    if (!any_tensor) {
      any_tensor = true;
      dtype = n->dtype;
    } else if (n->dtype != dtype) {
      mixed = true;
      StatusOr<DType> common = ir::promote(dtype, n->dtype);
      if (!common.ok()) {
        fail(Code::invalid_argument, std::string(op_name(op)) + ": " + common.status().message(),
             operands[0].where());
      }
      dtype = *common;
    }
  }
  if (any_tensor && !mixed && (first == 0 || !operands[0].is_scalar())) [[likely]] {
    return finish_elementwise(op, operands, count, dtype, first);
  }
  // The slow way: make tensors of what is not one yet.
  std::vector<Tensor> owned;
  std::vector<Operand> ready;
  if (!any_tensor) {  // scalars only: the widest of their own dtypes
    dtype = operands[first].native_dtype();
    for (std::uint32_t i = first + 1; i < count; ++i) {
      StatusOr<DType> common = ir::promote(dtype, operands[i].native_dtype());
      if (!common.ok()) fail(common.status(), operands[i].where());
      dtype = *common;
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const Operand& o = operands[i];
    if (i < first) {
      owned.push_back(o.is_scalar() ? as_tensor(o, DType::bool_) : as_tensor(o));
    } else if (o.is_scalar()) {
      if (any_tensor) {
        owned.emplace_back();  // stays a weak scalar
      } else {
        owned.push_back(as_tensor(o, dtype));
      }
    } else {
      owned.push_back(make_convert(as_tensor(o), dtype, o.where()));
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    ready.push_back(owned[i].defined() ? Operand(owned[i], operands[i].where()) : operands[i]);
  }
  return finish_elementwise(op, ready.data(), count, dtype, first);
}

Tensor make_op(ir::Op op, std::span<const Operand> operands, ir::Attributes attributes, SourceLocation where,
               const ir::Type* declared, DType scalar_dtype) {
  const ir::OpInfo& info = ir::op_info(op);
  const auto count = static_cast<std::uint32_t>(operands.size());
  absl::InlinedVector<ir::Type, 4> types;
  std::uint32_t context = 0;
  std::vector<Tensor> wide;  // scalars beyond what the mask of a node has room for
  for (const Operand& o : operands) {
    if (o.is_scalar()) {
      types.push_back({scalar_dtype, {}});
      continue;
    }
    if (o.node() == nullptr) undefined(op, where);
    if (context != 0 && o.node()->context != context) mixed_contexts(op, where);
    context = o.node()->context;
    types.push_back(o.node()->type());
  }
  StatusOr<ir::Types> result = ir::infer(
      op, types, attributes, declared != nullptr ? std::span(declared, 1) : std::span<const ir::Type>());
  if (!result.ok()) fail(result.status(), where);
  Building node(count);
  node->op = op;
  node->context = context != 0 ? context : current_context_id();
  node->where = where;
  node->scalar_dtype = scalar_dtype;
  node->dtype = (*result)[0].dtype;
  node->shape = std::move((*result)[0].shape);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!operands[i].is_scalar()) {
      node.Use(i, operands[i].node());
    } else if (i < 8) {
      node.UseScalar(i, encode_scalar(operands[i], scalar_dtype, info.name), operands[i].is_frozen());
    } else {
      wide.push_back(as_tensor(operands[i], scalar_dtype));
      node.Use(i, wide.back().node());
    }
  }
  if (!attributes.empty()) {
    node->attributes = new AttributeBlock{std::move(attributes), {}, {}, {}};
    append_words(node->attributes->attributes, node->attributes->words);
  }
  return deep_checked(node.Finish());
}

std::vector<Tensor> make_tuple_op(ir::Op op, std::span<const Tensor> operands, ir::Attributes attributes,
                                  SourceLocation where, std::vector<ir::Type> declared) {
  absl::InlinedVector<ir::Type, 4> types;
  std::uint32_t context = 0;
  for (const Tensor& t : operands) {
    if (t.node() == nullptr) undefined(op, where);
    if (context != 0 && t.node()->context != context) mixed_contexts(op, where);
    context = t.node()->context;
    types.push_back(t.node()->type());
  }
  StatusOr<ir::Types> result = ir::infer(op, types, attributes, declared);
  if (!result.ok()) fail(result.status(), where);
  const auto count = static_cast<std::uint32_t>(operands.size());
  Building tuple(count);
  tuple->kind = Kind::tuple;
  tuple->op = op;
  tuple->context = context != 0 ? context : current_context_id();
  tuple->where = where;
  for (std::uint32_t i = 0; i < count; ++i) tuple.Use(i, operands[i].node());
  tuple->attributes = new AttributeBlock{std::move(attributes), {result->begin(), result->end()}, {}, {}};
  append_words(tuple->attributes->attributes, tuple->attributes->words);
  for (const ir::Type& t : tuple->attributes->results) append_words(t, tuple->attributes->words);
  const Tensor all = tuple.Finish();
  std::vector<Tensor> results;
  for (std::uint32_t i = 0; i < result->size(); ++i) {
    Building one(1);
    one->kind = Kind::projection;
    one->op = op;
    one->context = all.node()->context;
    one->where = where;
    one->result = i;
    one->dtype = (*result)[i].dtype;
    one->shape = (*result)[i].shape;
    one.Use(0, all.node());
    results.push_back(one.Finish());
  }
  return results;
}

Tensor make_convert(const Tensor& x, DType dtype, SourceLocation where) {
  const Node& n = node_of(x, "convert", where);
  if (n.dtype == dtype) return x;
  return make_op(ir::Op::convert, {Operand(x, where)}, {{ir::Attr::dtype, dtype}}, where);
}

Tensor make_leaf(std::uint32_t context, DType dtype, Shape shape, runtime::Ref<runtime::Value> value,
                 SourceLocation where) {
  Building node(0);
  node->kind = Kind::leaf;
  node->context = context;
  node->dtype = dtype;
  node->shape = std::move(shape);
  node->value = std::move(value);
  node->traced = false;
  node->where = where;
  return node.Finish();
}

Tensor as_tensor(const Operand& operand, DType dtype) {
  if (!operand.is_scalar()) {
    if (operand.node() == nullptr) {
      fail(Code::failed_precondition, "the Tensor has no value (it was default-constructed or moved from)",
           operand.where());
    }
    retain(operand.node());
    return Tensor(operand.node());
  }
  // A broadcast to rank 0 of a scalar: no memory, and the scalar stays an argument.
  const ir::Type type{dtype, {}};
  return make_op(ir::Op::broadcast, {operand}, {{ir::Attr::dims, std::vector<std::int64_t>{}}},
                 operand.where(), &type, dtype);
}

Tensor as_tensor(const Operand& operand) { return as_tensor(operand, operand.native_dtype()); }

Operand frozen(double value, SourceLocation where) { return Operand(value, where).Frozen(); }

int normal_axis(int axis, int rank, std::string_view op, SourceLocation where) {
  if (axis < -rank || axis >= rank) {
    fail(Code::invalid_argument,
         absl::StrCat(absl::string_view(op.data(), op.size()), ": axis ", axis, " of a tensor of rank ", rank,
                      rank == 0 ? " (it has none)" : absl::StrCat(" (", -rank, " to ", rank - 1, ")"),
                      " [C8]"),
         where);
  }
  return axis < 0 ? axis + rank : axis;
}

std::vector<std::int64_t> normal_axes(std::span<const int> axes, int rank, std::string_view op,
                                      SourceLocation where) {
  std::vector<std::int64_t> result;
  if (axes.empty()) {
    for (int i = 0; i < rank; ++i) result.push_back(i);
    return result;
  }
  for (int a : axes) result.push_back(normal_axis(a, rank, op, where));
  std::sort(result.begin(), result.end());
  if (const auto twice = std::adjacent_find(result.begin(), result.end()); twice != result.end()) {
    fail(Code::invalid_argument,
         absl::StrCat(absl::string_view(op.data(), op.size()), ": axis ", *twice, " is named twice [C9]"),
         where);
  }
  return result;
}

void check_shape(const Shape& shape, DType dtype, std::string_view op, SourceLocation where) {
  for (std::int64_t d : shape) {
    if (d < 0) {
      fail(Code::invalid_argument,
           absl::StrCat(absl::string_view(op.data(), op.size()), ": a negative extent in ", shape.ToString()),
           where);
    }
  }
  // Rank and size are far from every limit nearly always; inference has the exact rule and the words.
  std::uint64_t count = 1;
  bool small = shape.rank() <= 8;
  for (std::int64_t d : shape) {
    small = small && d < std::int64_t{1} << 30 &&
            (count *= static_cast<std::uint64_t>(d > 0 ? d : 1)) < std::uint64_t{1} << 32;
  }
  if (small) return;
  const ir::Type type{dtype, shape};
  const ir::Type scalar{dtype, {}};
  const StatusOr<ir::Types> checked =
      ir::infer(ir::Op::broadcast, std::span(&scalar, 1), {{ir::Attr::dims, std::vector<std::int64_t>{}}},
                std::span(&type, 1));
  if (!checked.ok()) {
    std::string message = checked.status().message();
    if (message.starts_with("broadcast")) message.replace(0, 9, op);
    fail(Code::invalid_argument, std::move(message), where);
  }
}

}  // namespace leat::frontend
