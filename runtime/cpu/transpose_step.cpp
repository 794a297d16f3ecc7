// transpose, where no kernel took it: rows copied whole where the minor-most dimension stays, else blocks of
// 32 x 32 elements, so that each cache line that is touched is used up. A unit is 32 rows of such blocks.
#include <cstring>

#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"

namespace leat::runtime::cpu {
namespace {

constexpr std::int64_t kSide = 32;

class TransposeStep final : public NodeStep {
 public:
  TransposeStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : NodeStep(node, std::move(operand_types)) {
    const std::vector<std::int64_t>& dims = node_.attrs().integers(ir::Attr::dims);
    const ir::Strides x_strides = ir::row_major_strides(operand_types_[0].shape.dims());
    // Result dimensions, outermost first, neighbours that stay neighbours merged.
    for (std::size_t d = 0; d < dims.size(); ++d) {
      const Dim dim{node_.type().shape[d], x_strides[static_cast<std::size_t>(dims[d])], 0};
      if (dim.extent == 1) continue;
      if (!dims_.empty() && dims_.back().from == dim.extent * dim.from) {
        dims_.back() = {dims_.back().extent * dim.extent, dim.from, 0};
      } else {
        dims_.push_back(dim);
      }
    }
    if (dims_.empty()) dims_.push_back({1, 1, 0});
    std::int64_t stride = 1;
    for (std::size_t d = dims_.size(); d-- > 0;) {
      dims_[d].to = stride;
      stride *= dims_[d].extent;
    }
    columns_ = dims_.back();
    dims_.pop_back();
    // The rows of the blocks: the dimension that is minor-most in the operand.
    if (columns_.from != 1) {
      const auto minor = std::find_if(dims_.begin(), dims_.end(), [](const Dim& d) { return d.from == 1; });
      rows_ = *minor;
      dims_.erase(minor);
      blocks_ = (rows_.extent + kSide - 1) / kSide;
    }
    units_ = blocks_;
    for (const Dim& d : dims_) units_ *= d.extent;
  }
  std::int64_t units() const { return units_; }
  double unit_ns() const {
    return 5 + 0.6 * static_cast<double>(columns_.extent * std::min(kSide, rows_.extent));
  }

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    switch (byte_size(node_.type().dtype)) {
      case 1: Copy<std::uint8_t>(context, begin, end); break;
      case 2: Copy<std::uint16_t>(context, begin, end); break;
      case 4: Copy<std::uint32_t>(context, begin, end); break;
      default: Copy<std::uint64_t>(context, begin, end); break;
    }
    return {};
  }

 private:
  struct Dim {
    std::int64_t extent, from, to;  // strides in the operand and in the result
  };

  template <class U>
  void Copy(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    for (std::int64_t u = begin; u < end; ++u) {
      const U* from = In<U>(context, 0);
      U* to = Out<U>(context, 0);
      std::int64_t rest = u / blocks_;
      for (std::size_t d = dims_.size(); d-- > 0;) {
        const std::int64_t i = rest % dims_[d].extent;
        rest /= dims_[d].extent;
        from += i * dims_[d].from;
        to += i * dims_[d].to;
      }
      const std::int64_t row = u % blocks_ * kSide;
      const std::int64_t rows = std::min(kSide, rows_.extent - row);
      from += row * rows_.from;
      to += row * rows_.to;
      if (columns_.from == 1) {
        std::memcpy(to, from, static_cast<std::size_t>(columns_.extent) * sizeof(U));
        continue;
      }
      for (std::int64_t c = 0; c < columns_.extent; c += kSide) {
        const std::int64_t last = std::min(c + kSide, columns_.extent);
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t j = c; j < last; ++j) to[r * rows_.to + j] = from[j * columns_.from + r];
        }
      }
    }
  }

  std::vector<Dim> dims_;  // all others
  Dim columns_{1, 1, 1};   // minor-most in the result
  Dim rows_{1, 1, 1};      // minor-most in the operand, where that is another one
  std::int64_t blocks_ = 1, units_ = 1;
};

}  // namespace

OpStep make_transpose_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  auto body = std::make_shared<TransposeStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = body->unit_ns();
  return split_step(std::move(body), units, unit_ns);
}

}  // namespace leat::runtime::cpu
