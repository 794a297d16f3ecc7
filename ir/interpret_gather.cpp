// gather, gather_elements, gather_nd. Indices are checked first, so the copying loops need not be.
#include <cstring>

#include "ir/interpret_families.h"
#include "ir/read_indices.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// r[outer, indices..., inner] = x[outer, index, inner].
Status interpret_gather_axis(const OpCall& call) {
  const Shape& x = call.shape(0);
  const auto axis = static_cast<std::size_t>(call.attrs().integer(Attr::axis));
  const std::int64_t extent = x[axis];
  const std::int64_t outer = product(x.dims(), 0, axis);
  const std::int64_t count = call.shape(1).num_elements();
  const std::int64_t run =
      product(x.dims(), axis + 1, x.size()) * static_cast<std::int64_t>(byte_size(call.node.type().dtype));
  const Indices at(call.inputs[1], call.operands[1]);
  for (std::int64_t i = 0; i < count; ++i) {
    if (at[i] < 0 || at[i] >= extent) {
      return index_fault(Op::gather, call.inputs[1], call.operands[1], i, call.attrs().integer(Attr::axis),
                         call.operands[0]);
    }
  }
  if (run == 0) return {};
  const std::byte* from = call.in<std::byte>(0);
  std::byte* to = call.out<std::byte>(0);
  const auto copy_all = [&]<std::size_t kRun>() {  // kRun: the run in bytes, 0 if it is not a small constant
    const std::size_t bytes = kRun != 0 ? kRun : static_cast<std::size_t>(run);
    for (std::int64_t o = 0; o < outer; ++o, from += extent * run) {
      for (std::int64_t i = 0; i < count; ++i, to += run) std::memcpy(to, from + at[i] * run, bytes);
    }
  };
  switch (run) {
    case 1: copy_all.operator()<1>(); break;
    case 2: copy_all.operator()<2>(); break;
    case 4: copy_all.operator()<4>(); break;
    case 8: copy_all.operator()<8>(); break;
    default: copy_all.operator()<0>(); break;
  }
  return {};
}

/// r[i_0, .., i_axis, ..] = x[i_0, .., indices[i], ..].
Status interpret_gather_elements(const OpCall& call) {
  const Shape& shape = call.result_shape();
  const auto axis = static_cast<std::size_t>(call.attrs().integer(Attr::axis));
  const std::int64_t extent = call.shape(0)[axis];
  Strides x_strides = row_major_strides(call.shape(0).dims());
  const std::int64_t step = x_strides[axis];
  x_strides[axis] = 0;
  const Indices at(call.inputs[1], call.operands[1]);
  Status fault;
  const auto copy_all = [&]<class U>(U) {
    const U* from = call.in<U>(0);
    U* to = call.out<U>(0);
    std::int64_t i = 0;
    for (Odometer<1> o(shape.dims(), {x_strides}); !o.done(); o.Next(), ++i) {
      if (at[i] < 0 || at[i] >= extent) {
        fault = index_fault(Op::gather_elements, call.inputs[1], call.operands[1], i,
                            call.attrs().integer(Attr::axis), call.operands[0]);
        return;
      }
      to[i] = from[o.offset(0) + at[i] * step];
    }
  };
  switch (byte_size(call.node.type().dtype)) {
    case 1: copy_all(std::uint8_t{}); break;
    case 2: copy_all(std::uint16_t{}); break;
    case 4: copy_all(std::uint32_t{}); break;
    default: copy_all(std::uint64_t{}); break;
  }
  return fault;
}

/// r[b..., i..., rest...] = x[b..., indices[b..., i..., 0], ..., indices[b..., i..., depth - 1], rest...].
Status interpret_gather_nd(const OpCall& call) {
  const Shape& x = call.shape(0);
  const Shape& index_shape = call.shape(1);
  const auto batch_rank = static_cast<std::size_t>(call.attrs().integer(Attr::batch_dims));
  const auto depth = static_cast<std::size_t>(index_shape.back());
  const auto size = static_cast<std::int64_t>(byte_size(call.node.type().dtype));
  const std::int64_t batches = product(x.dims(), 0, batch_rank);
  const std::int64_t batch_step = product(x.dims(), batch_rank, x.size());
  const std::int64_t tuples = product(index_shape.dims(), batch_rank, index_shape.size() - 1);
  const std::int64_t run = product(x.dims(), batch_rank + depth, x.size());
  const Strides x_strides = row_major_strides(x.dims());
  const Indices at(call.inputs[1], call.operands[1]);
  std::byte* to = call.out<std::byte>(0);
  std::int64_t i = 0;
  for (std::int64_t b = 0; b < batches; ++b) {
    for (std::int64_t t = 0; t < tuples; ++t) {
      std::int64_t offset = b * batch_step;
      for (std::size_t k = 0; k < depth; ++k, ++i) {
        if (at[i] < 0 || at[i] >= x[batch_rank + k]) {
          return index_fault(Op::gather_nd, call.inputs[1], call.operands[1], i,
                             static_cast<std::int64_t>(batch_rank + k), call.operands[0]);
        }
        offset += at[i] * x_strides[batch_rank + k];
      }
      if (run == 0) continue;
      std::memcpy(to, call.in<std::byte>(0) + offset * size, static_cast<std::size_t>(run * size));
      to += run * size;
    }
  }
  return {};
}

}  // namespace

Status interpret_gather(const OpCall& call) {
  switch (call.node.op) {
    case Op::gather: return interpret_gather_axis(call);
    case Op::gather_elements: return interpret_gather_elements(call);
    case Op::gather_nd: return interpret_gather_nd(call);
    default: return Status(Code::internal, std::string(name(call.node.op)) + " is not a gather");
  }
}

}  // namespace leat::ir
