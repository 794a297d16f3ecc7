#include "leat/create.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "leat/elementwise.h"
#include "leat/ops.h"

namespace leat {

using frontend::fail;
using runtime::Ref;

namespace {

std::vector<std::int64_t> no_dims() { return {}; }

Tensor filled(const Shape& shape, const Operand& value, DType dtype, std::string_view what) {
  frontend::check_shape(shape, dtype, what, value.where());
  if (!value.is_scalar()) {
    fail(Code::invalid_argument, std::string(what) + ": the value is a scalar; for a tensor use broadcast_to",
         value.where());
  }
  const ir::Type type{dtype, shape};
  return frontend::make_op(ir::Op::broadcast, {value}, {{ir::Attr::dims, no_dims()}}, value.where(), &type,
                           dtype);
}

double as_double(const Operand& o) {
  switch (o.kind()) {
    case Operand::Kind::real: return o.as_real();
    case Operand::Kind::signed_integer: return static_cast<double>(o.as_signed());
    default: return static_cast<double>(o.as_unsigned());
  }
}

std::int64_t as_integer(const Operand& o, SourceLocation where) {
  return static_cast<std::int64_t>(frontend::encode_scalar(o.At(where), DType::i64, "arange"));
}

}  // namespace

Tensor from_memory(const void* elements, DType dtype, const Shape& shape, SourceLocation where) {
  frontend::check_shape(shape, dtype, "tensor", where);
  const std::uint32_t id = frontend::current_context_id();
  const std::shared_ptr<frontend::ContextState>& state = frontend::ContextState::Get(id, where);
  state->CheckProcess(where);
  const std::size_t bytes = static_cast<std::size_t>(shape.num_elements()) * byte_size(dtype);
  StatusOr<Ref<runtime::Buffer>> buffer = state->engine().Allocate(bytes);
  if (!buffer.ok()) fail(buffer.status(), where);
  if (bytes > 0) std::memcpy((*buffer)->data(), elements, bytes);
  return frontend::make_leaf(id, dtype, shape, runtime::Value::Ready(*std::move(buffer)), where);
}

Tensor borrow(const void* elements, DType dtype, const Shape& shape, std::function<void()> release,
              SourceLocation where) {
  frontend::check_shape(shape, dtype, "borrow", where);
  if (elements == nullptr && shape.num_elements() > 0)
    fail(Code::invalid_argument, "borrow: a null pointer", where);
  if (!ir::is_aligned(elements, dtype)) {
    fail(Code::invalid_argument, "borrow: the memory is not aligned to its element type", where);
  }
  const std::size_t bytes = static_cast<std::size_t>(shape.num_elements()) * byte_size(dtype);
  Ref<runtime::Buffer> buffer = runtime::Buffer::Wrap(const_cast<void*>(elements), bytes, std::move(release));
  return frontend::make_leaf(frontend::current_context_id(), dtype, shape,
                             runtime::Value::Ready(std::move(buffer)), where);
}

void check_element_count(std::size_t have, const Shape& shape, SourceLocation where) {
  frontend::check_shape(shape, DType::u8, "tensor", where);
  if (static_cast<std::uint64_t>(shape.num_elements()) != have) {
    fail(Code::invalid_argument,
         absl::StrCat("tensor: ", have, " elements for shape ", shape.ToString(), ", which holds ",
                      shape.num_elements()),
         where);
  }
}

void throw_ragged_rows(std::size_t row, std::size_t have, std::size_t want, SourceLocation where) {
  fail(Code::invalid_argument,
       absl::StrCat("tensor: row ", row, " has ", have, " elements where the first has ", want), where);
}

Tensor full(const Shape& shape, const Operand& value) {
  return filled(shape, value, value.native_dtype(), "full");
}
Tensor full(const Shape& shape, const Operand& value, DType dtype) {
  return filled(shape, value, dtype, "full");
}
Tensor zeros(const Shape& shape, DType dtype, SourceLocation where) {
  return filled(shape, dtype == DType::bool_ ? Operand(false, where) : Operand(0, where), dtype, "zeros");
}
Tensor ones(const Shape& shape, DType dtype, SourceLocation where) {
  return filled(shape, dtype == DType::bool_ ? Operand(true, where) : Operand(1, where), dtype, "ones");
}

Tensor iota(const Shape& shape, int axis, DType dtype, SourceLocation where) {
  frontend::check_shape(shape, dtype, "iota", where);
  const ir::Type type{dtype, shape};
  const std::int64_t a = frontend::normal_axis(axis, shape.rank(), "iota", where);
  return frontend::make_op(ir::Op::iota, {}, {{ir::Attr::axis, a}}, where, &type);
}

Tensor arange(std::int64_t count, DType dtype, SourceLocation where) {
  if (count < 0) fail(Code::invalid_argument, absl::StrCat("arange: a negative count, ", count), where);
  return iota({count}, 0, dtype, where);
}

Tensor arange(const Operand& start, const Operand& stop, const Operand& step) {
  const SourceLocation where = start.where();
  if (!start.is_scalar() || !stop.is_scalar() || !step.is_scalar()) {
    fail(Code::invalid_argument, "arange: start, stop and step are scalars", where);
  }
  const bool real = start.kind() == Operand::Kind::real || stop.kind() == Operand::Kind::real ||
                    step.kind() == Operand::Kind::real;
  if (real) {
    const double from = as_double(start), to = as_double(stop), by = as_double(step);
    const double count = std::ceil((to - from) / by);
    if (by == 0 || !std::isfinite(count) || count > 9e15) {
      fail(Code::invalid_argument, absl::StrCat("arange: from ", from, " to ", to, " by ", by, " has no end"),
           where);
    }
    const Tensor i = iota({static_cast<std::int64_t>(std::max(0.0, count))}, 0, DType::f64, where);
    return frontend::make_elementwise(
        ir::Op::add,
        {Operand(frontend::make_elementwise(ir::Op::mul, {Operand(i, where), Operand(by, where)}), where),
         Operand(from, where)});
  }
  const std::int64_t from = as_integer(start, where), to = as_integer(stop, where),
                     by = as_integer(step, where);
  if (by == 0) fail(Code::invalid_argument, "arange: the step is 0", where);
  const __int128 span = static_cast<__int128>(to) - from;
  __int128 count = by > 0 ? (span + by - 1) / by : (span + by + 1) / by;
  if (count < 0 || (span > 0) != (by > 0)) count = 0;
  if (count > (static_cast<__int128>(1) << 60))
    fail(Code::invalid_argument, "arange: too many elements", where);
  const Tensor i = iota({static_cast<std::int64_t>(count)}, 0, DType::i64, where);
  return frontend::make_elementwise(
      ir::Op::add,
      {Operand(frontend::make_elementwise(ir::Op::mul, {Operand(i, where), Operand(by, where)}), where),
       Operand(from, where)});
}

Tensor linspace(double start, double stop, std::int64_t count, DType dtype, SourceLocation where) {
  if (count < 0) fail(Code::invalid_argument, absl::StrCat("linspace: a negative count, ", count), where);
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0.0;
  const Tensor i = iota({count}, 0, DType::f64, where);
  const Tensor scaled = frontend::make_elementwise(ir::Op::mul, {Operand(i, where), Operand(step, where)});
  const Tensor all = frontend::make_elementwise(ir::Op::add, {Operand(scaled, where), Operand(start, where)});
  return frontend::make_convert(all, dtype, where);
}

Tensor eye(std::int64_t rows, std::int64_t columns, DType dtype, SourceLocation where) {
  const Shape shape{rows, columns < 0 ? rows : columns};
  const Tensor r = iota(shape, 0, DType::i64, where), c = iota(shape, 1, DType::i64, where);
  const Tensor on = frontend::make_elementwise(ir::Op::equal, {Operand(r, where), Operand(c, where)});
  return frontend::make_convert(on, dtype, where);
}

}  // namespace leat
