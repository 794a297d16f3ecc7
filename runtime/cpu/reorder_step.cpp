// reorder between a dense array and one blocked by channels, [n,c,spatial...] and [n,c/b,spatial...,b],
// either way: small matrices transposed in registers. A unit is a piece of the plane of one block. Other
// layouts are left to the interpreter.
#include <cstring>

#include "ir/layout.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/blocked_kernel.h"
#include "runtime/cpu/node_step.h"
#include "runtime/cpu/transpose_tile.h"

namespace leat::runtime::cpu {
namespace {

constexpr std::int64_t kPlaces = 4096;  // places of the plane in a unit

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
        Transpose(In<U>(context, 0) + blocked, block_, count, there, Out<U>(context, 0) + dense, plane_);
        continue;
      }
      U* to = Out<U>(context, 0) + blocked;
      if (there < block_) std::memset(to, 0, static_cast<std::size_t>(count * block_) * sizeof(U));
      Transpose(In<U>(context, 0) + dense, plane_, there, count, to, block_);
    }
  }

  template <class U>
  static void Transpose(const U* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
                        U* to, std::int64_t to_stride) {
    if constexpr (sizeof(U) == 4) {
      static const BlockedKernel* const kernel = blocked_kernel(host_isa());
      if (kernel != nullptr) return kernel->transpose(from, from_stride, rows, columns, to, to_stride);
    }
    transpose<AnyX86, 16>(from, from_stride, rows, columns, to, to_stride);
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
