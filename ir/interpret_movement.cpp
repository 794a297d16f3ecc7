// pad, concat, reorder and the dynamic slices.
#include <algorithm>
#include <cstring>

#include "ir/interpret_families.h"
#include "ir/layout.h"
#include "ir/read_indices.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// Element i of x along d stands at low + i * (interior + 1); what falls outside the result is cropped.
void interpret_pad(const OpCall& call) {
  const Shape& x = call.shape(0);
  const Shape& shape = call.result_shape();
  const auto size = static_cast<std::int64_t>(byte_size(call.node.type().dtype));
  const std::vector<std::int64_t>& low = call.attrs().integers(Attr::low);
  const std::vector<std::int64_t>& interior = call.attrs().integers(Attr::interior);
  fill(call.outputs[0], call.inputs[1], shape.num_elements(), byte_size(call.node.type().dtype));

  const Strides x_strides = row_major_strides(x.dims());
  const Strides strides = row_major_strides(shape.dims());
  Strides steps(x.size()), extents(x.size());
  std::int64_t from = 0, to = 0;
  for (std::size_t d = 0; d < x.size(); ++d) {
    const std::int64_t step = interior[d] + 1;
    const std::int64_t first = low[d] < 0 ? (-low[d] + step - 1) / step : 0;  // the first i at a place >= 0
    const std::int64_t room = shape[d] - 1 - low[d];                          // place of i is <= shape - 1
    const std::int64_t last = room < 0 ? -1 : std::min(x[d] - 1, room / step);
    if (last < first) return;
    extents[d] = last - first + 1;
    from += first * x_strides[d];
    to += (low[d] + first * step) * strides[d];
    steps[d] = extents[d] > 1 ? step * strides[d] : 0;
  }
  strided_copy(call.out<std::byte>(0) + to * size, steps, call.in<std::byte>(0) + from * size, x_strides,
               extents, byte_size(call.node.type().dtype));
}

void interpret_concat(const OpCall& call) {
  const Shape& shape = call.result_shape();
  const auto axis = static_cast<std::size_t>(call.attrs().integer(Attr::axis));
  const auto size = static_cast<std::int64_t>(byte_size(call.node.type().dtype));
  const std::int64_t outer = product(shape.dims(), 0, axis);
  const std::int64_t inner = product(shape.dims(), axis + 1, shape.size()) * size;
  const std::int64_t row = shape[axis] * inner;
  std::byte* to = call.out<std::byte>(0);
  for (std::size_t k = 0; k < call.operands.size(); ++k) {
    const std::int64_t run = call.shape(k)[axis] * inner;
    if (run == 0) continue;
    const std::byte* from = call.in<std::byte>(k);
    for (std::int64_t o = 0; o < outer; ++o) {
      std::memcpy(to + o * row, from + o * run, static_cast<std::size_t>(run));
    }
    to += run;
  }
}

/// The offset in x of a block of extents `block` at the start operands, each clamped to [0, extent - block].
std::int64_t clamped_start(const OpCall& call, std::size_t first_start, const Shape& block) {
  const Shape& x = call.shape(0);
  const Strides x_strides = row_major_strides(x.dims());
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < x.size(); ++d) {
    const std::int64_t at = read_index(call.inputs[first_start + d], call.operands[first_start + d].dtype, 0);
    offset += std::clamp<std::int64_t>(at, 0, x[d] - block[d]) * x_strides[d];
  }
  return offset;
}

void interpret_dynamic_slice(const OpCall& call) {
  const Shape& shape = call.result_shape();
  const std::size_t size = byte_size(call.node.type().dtype);
  const std::int64_t from = clamped_start(call, 1, shape);
  strided_copy(call.outputs[0], row_major_strides(shape.dims()),
               call.in<std::byte>(0) + from * static_cast<std::int64_t>(size),
               row_major_strides(call.shape(0).dims()), shape.dims(), size);
}

void interpret_dynamic_update_slice(const OpCall& call) {
  const Shape& shape = call.result_shape();
  const Shape& update = call.shape(1);
  const std::size_t size = byte_size(call.node.type().dtype);
  const auto bytes = static_cast<std::size_t>(shape.num_elements()) * size;
  if (bytes == 0) return;
  std::memcpy(call.outputs[0], call.inputs[0], bytes);
  const std::int64_t to = clamped_start(call, 2, update);
  strided_copy(call.out<std::byte>(0) + to * static_cast<std::int64_t>(size), row_major_strides(shape.dims()),
               call.inputs[1], row_major_strides(update.dims()), update.dims(), size);
}

}  // namespace

Status interpret_movement(const OpCall& call) {
  switch (call.node.op) {
    case Op::pad: interpret_pad(call); return {};
    case Op::concat: interpret_concat(call); return {};
    case Op::reorder: {
      const Reordering reordering = *parse_reordering(call.attrs().string(Attr::layout));
      const std::size_t size = byte_size(call.node.type().dtype);
      if (reordering.backward) {
        reordering.layout.Unpack(call.result_shape(), call.inputs[0], call.outputs[0], size);
      } else {
        reordering.layout.Pack(call.shape(0), call.inputs[0], call.outputs[0], size);
      }
      return {};
    }
    case Op::dynamic_slice: interpret_dynamic_slice(call); return {};
    case Op::dynamic_update_slice: interpret_dynamic_update_slice(call); return {};
    case Op::gather:
    case Op::gather_elements:
    case Op::gather_nd: return interpret_gather(call);
    case Op::scatter_elements:
    case Op::scatter_nd: return interpret_scatter(call);
    default: return Status(Code::internal, std::string(name(call.node.op)) + " moves no data");
  }
}

}  // namespace leat::ir
