// reshape, broadcast, transpose, slice, reverse: each is one strided copy into a dense result.
#include <cstring>

#include "ir/interpret_families.h"
#include "ir/strided_copy.h"

namespace leat::ir {

Status interpret_view(const OpCall& call) {
  const Shape& x_shape = call.shape(0);
  const Shape& shape = call.result_shape();
  if (shape.num_elements() == 0) return {};
  const std::size_t size = byte_size(call.node.type().dtype);
  const Strides x_strides = row_major_strides(x_shape.dims());
  Strides strides(shape.size(), 0);  // of the operand, per dimension of the result
  std::int64_t start = 0;            // the operand element that result element 0 shows

  switch (call.node.op) {
    case Op::reshape:
      std::memcpy(call.outputs[0], call.inputs[0], static_cast<std::size_t>(shape.num_elements()) * size);
      return {};
    case Op::broadcast: {
      const std::vector<std::int64_t>& dims = call.attrs().integers(Attr::dims);
      for (std::size_t k = 0; k < dims.size(); ++k) {
        if (x_shape[k] != 1) strides[static_cast<std::size_t>(dims[k])] = x_strides[k];
      }
      break;
    }
    case Op::transpose: {
      const std::vector<std::int64_t>& dims = call.attrs().integers(Attr::dims);
      for (std::size_t k = 0; k < dims.size(); ++k) strides[k] = x_strides[static_cast<std::size_t>(dims[k])];
      break;
    }
    case Op::slice: {
      const std::vector<std::int64_t>& starts = call.attrs().integers(Attr::starts);
      const std::vector<std::int64_t>& steps = call.attrs().integers(Attr::strides);
      for (std::size_t d = 0; d < shape.size(); ++d) {
        start += starts[d] * x_strides[d];
        strides[d] = shape[d] > 1 ? steps[d] * x_strides[d] : 0;
      }
      break;
    }
    case Op::reverse: {
      strides = x_strides;
      for (std::int64_t dim : call.attrs().integers(Attr::dims)) {
        const auto d = static_cast<std::size_t>(dim);
        start += (x_shape[d] - 1) * x_strides[d];
        strides[d] = -x_strides[d];
      }
      break;
    }
    default: return Status(Code::internal, std::string(name(call.node.op)) + " is not a view");
  }
  strided_copy(call.outputs[0], row_major_strides(shape.dims()),
               call.in<std::byte>(0) + start * static_cast<std::int64_t>(size), strides, shape.dims(), size);
  return {};
}

}  // namespace leat::ir
