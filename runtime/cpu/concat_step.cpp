// concat: runs of memory, one per operand and outer index. A unit is a block of the result's bytes, so that
// it splits evenly along any axis.
#include <cstring>

#include "runtime/cpu/node_step.h"

namespace leat::runtime::cpu {
namespace {

constexpr std::int64_t kPiece = 64 * 1024;

class ConcatStep final : public NodeStep {
 public:
  ConcatStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : NodeStep(node, std::move(operand_types)) {
    const Shape& shape = node_.type().shape;
    const auto axis = static_cast<std::size_t>(node_.attrs().integer(ir::Attr::axis));
    std::int64_t inner = static_cast<std::int64_t>(byte_size(node_.type().dtype));
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
    starts_.push_back(0);
    for (const ir::Type& type : operand_types_) starts_.push_back(starts_.back() + type.shape[axis] * inner);
    bytes_ = byte_size(node_.type());
  }

  std::int64_t units() const { return (bytes_ + kPiece - 1) / kPiece; }

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t row = starts_.back(), last = std::min(end * kPiece, bytes_);
    std::byte* to = Out<std::byte>(context, 0);
    std::int64_t at = begin * kPiece;
    std::size_t k = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), at % row) -
                                             starts_.begin() - 1);
    while (at < last) {
      const std::int64_t run = starts_[k + 1] - starts_[k], within = at % row - starts_[k];
      const std::int64_t n = std::min(run - within, last - at);
      std::memcpy(to + at, In<std::byte>(context, k) + at / row * run + within, static_cast<std::size_t>(n));
      at += n;
      if (++k + 1 == starts_.size()) k = 0;
    }
    return {};
  }

 private:
  std::vector<std::int64_t> starts_;  // of each operand's run in a row of the result, in bytes; then the row
  std::int64_t bytes_ = 0;
};

}  // namespace

OpStep make_concat_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  auto body = std::make_shared<ConcatStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  return split_step(std::move(body), units, kPiece * 0.1);
}

}  // namespace leat::runtime::cpu
