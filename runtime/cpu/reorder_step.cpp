// reorder between a dense array and one blocked by channels, [n,c,spatial...] and [n,c/b,spatial...,b],
// either way: small matrices transposed in registers. A unit is a piece of the plane of one block. Other
// layouts are left to the interpreter.
#include <cstring>
#include <utility>

#include "ir/layout.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"

namespace leat::runtime::cpu {
namespace {

constexpr std::size_t kVectorBytes = 16;
constexpr std::int64_t kPlaces = 4096;  // places of the plane in a unit

template <class U>
struct VectorOf {
  typedef U type __attribute__((vector_size(kVectorBytes)));
  static constexpr std::size_t kLanes = kVectorBytes / sizeof(U);
};

/// The elements of a and b in turn: the lower half of each, or the upper.
template <bool kUpper, class V, std::size_t... I>
V interleave(V a, V b, std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I), first = kUpper ? n / 2 : 0;
  return __builtin_shufflevector(a, b, (first + I / 2 + (I % 2) * n)...);
}

/// to[j][i] = from[i][j] for i, j below the lanes of a vector; strides in elements.
template <class U>
void transpose_tile(const U* from, std::int64_t from_stride, U* to, std::int64_t to_stride) {
  using V = typename VectorOf<U>::type;
  constexpr std::size_t n = VectorOf<U>::kLanes;
  V rows[n], next[n];
  for (std::size_t i = 0; i < n; ++i) {
    std::memcpy(&rows[i], from + static_cast<std::int64_t>(i) * from_stride, sizeof(V));
  }
  // Rows i and i + n / 2 shuffled together: after as many rounds as n has bits, columns.
#pragma GCC unroll 4
  for (std::size_t round = 1; round < n; round *= 2) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave<false>(rows[i], rows[i + n / 2], std::make_index_sequence<n>());
      next[2 * i + 1] = interleave<true>(rows[i], rows[i + n / 2], std::make_index_sequence<n>());
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < n; ++i) rows[i] = next[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    std::memcpy(to + static_cast<std::int64_t>(i) * to_stride, &rows[i], sizeof(V));
  }
}

/// to[j][i] = from[i][j] for i < rows, j < columns.
template <class U>
void transpose(const U* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, U* to,
               std::int64_t to_stride) {
  constexpr auto n = static_cast<std::int64_t>(VectorOf<U>::kLanes);
  const std::int64_t whole_rows = rows / n * n, whole_columns = columns / n * n;
  const bool tall = rows > columns;  // along the longer side, so that few lines are open at once
  const std::int64_t outer = tall ? whole_rows : whole_columns, inner = tall ? whole_columns : whole_rows;
  for (std::int64_t a = 0; a < outer; a += n) {
    for (std::int64_t b = 0; b < inner; b += n) {
      const std::int64_t i = tall ? a : b, j = tall ? b : a;
      transpose_tile(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
    }
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) {
      to[j * to_stride + i] = from[i * from_stride + j];
    }
  }
}

class ReorderStep final : public NodeStep {
 public:
  ReorderStep(const ir::Node& node, std::vector<ir::Type> operand_types, std::int64_t block, bool backward)
      : NodeStep(node, std::move(operand_types)), backward_(backward), block_(block) {
    const Shape& dense = backward_ ? node_.type().shape : operand_types_[0].shape;
    batch_ = dense[0];
    channels_ = dense[1];
    plane_ = ir::product(dense.dims(), 2, dense.size());
    blocks_ = (channels_ + block_ - 1) / block_;
    pieces_ = (plane_ + kPlaces - 1) / kPlaces;
  }
  std::int64_t units() const { return batch_ * blocks_ * pieces_; }
  double unit_ns() const {  // 8 bytes a ns from cache to cache, in and out together, on Zen 3
    return 20 + 0.25 * static_cast<double>(std::min(plane_, kPlaces) * block_) *
                    static_cast<double>(byte_size(node_.type().dtype));
  }
  std::string ToString() const override { return "reorder " + node_.attrs().string(ir::Attr::layout); }

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    switch (byte_size(node_.type().dtype)) {
      case 1: Move<std::uint8_t>(context, begin, end); break;
      case 2: Move<std::uint16_t>(context, begin, end); break;
      case 4: Move<std::uint32_t>(context, begin, end); break;
      default: Move<std::uint64_t>(context, begin, end); break;
    }
    return {};
  }

 private:
  template <class U>
  void Move(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    for (std::int64_t u = begin; u < end; ++u) {
      const std::int64_t image = u / (blocks_ * pieces_), k = u / pieces_ % blocks_;
      const std::int64_t first = u % pieces_ * kPlaces, count = std::min(kPlaces, plane_ - first);
      const std::int64_t dense = (image * channels_ + k * block_) * plane_ + first;
      const std::int64_t blocked = ((image * blocks_ + k) * plane_ + first) * block_;
      const std::int64_t there = std::min(block_, channels_ - k * block_);
      if (backward_) {
        transpose(In<U>(context, 0) + blocked, block_, count, there, Out<U>(context, 0) + dense, plane_);
        continue;
      }
      U* to = Out<U>(context, 0) + blocked;
      if (there < block_) std::memset(to, 0, static_cast<std::size_t>(count * block_) * sizeof(U));
      transpose(In<U>(context, 0) + dense, plane_, there, count, to, block_);
    }
  }

  bool backward_;
  std::int64_t block_, batch_ = 1, channels_ = 1, plane_ = 1, blocks_ = 1, pieces_ = 1;
};

}  // namespace

OpStep make_reorder_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  const ir::Reordering reordering = *ir::parse_reordering(node.attrs().string(ir::Attr::layout));
  const ir::Layout& layout = reordering.layout;
  const std::int64_t block = layout.rank() >= 2 ? layout.block(1) : 1;
  if (block == 1 || reordering.name != ir::Layout::Name(layout.rank(), 1, block)) {
    return make_interpreted_step(node, std::move(operand_types));
  }
  auto body = std::make_shared<ReorderStep>(node, std::move(operand_types), block, reordering.backward);
  const std::int64_t units = body->units();
  const double unit_ns = body->unit_ns();
  return split_step(std::move(body), units, unit_ns);
}

}  // namespace leat::runtime::cpu
