// constant and iota. Iota is the i64 index, converted to the dtype as the op `convert` does it: i8 wraps,
// f16 rounds once.
#include <algorithm>
#include <cstring>

#include "ir/interpret_families.h"
#include "ir/meaning/conversion.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

template <class T>
void interpret_iota(const OpCall& call) {
  const Shape& shape = call.result_shape();
  const auto axis = static_cast<std::size_t>(call.attrs().integer(Attr::axis));
  const std::int64_t outer = product(shape.dims(), 0, axis);
  const std::int64_t inner = product(shape.dims(), axis + 1, shape.size());
  if (shape.num_elements() == 0) return;
  T* to = call.out<T>(0);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t k = 0; k < shape[axis]; ++k) to = std::fill_n(to, inner, meaning::convert<T>(k));
  }
}

}  // namespace

Status interpret_source(const OpCall& call) {
  switch (call.node.op) {
    case Op::constant: {
      const Literal& literal = call.attrs().literal(Attr::value);
      if (literal.byte_count() > 0) {
        std::memcpy(call.outputs[0], literal.bytes.get(), literal.byte_count());
      }
      return {};
    }
    case Op::iota:
      visit_dtype(call.node.type().dtype, [&]<class T>(T) { interpret_iota<T>(call); });
      return {};
    case Op::random_bits: return interpret_random_bits(call);
    default: return Status(Code::failed_precondition, "a parameter has a value only within its graph");
  }
}

}  // namespace leat::ir
