// gather and gather_elements. Units are rows of the result; a fault names the first wrong index, whichever
// range found one.
#include <cstring>

#include "ir/read_indices.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"

namespace leat::runtime::cpu {
namespace {

class GatherBase : public NodeStep {
 public:
  GatherBase(const ir::Node& node, std::vector<ir::Type> operand_types)
      : NodeStep(node, std::move(operand_types)),
        axis_(static_cast<std::size_t>(node.attrs().integer(ir::Attr::axis))),
        extent_(operand_types_[0].shape[axis_]) {}

 protected:
  /// Some index is wrong: the fault of the first one.
  Status Fault(const StepContext& context) const {
    const ir::Type& type = operand_types_[1];
    const void* indices = context.pointers[1];
    for (std::int64_t i = 0, n = type.shape.num_elements(); i < n; ++i) {
      const std::int64_t at = ir::read_index(indices, type.dtype, i);
      if (at >= 0 && at < extent_) continue;
      return ir::index_fault(node_.op, indices, type, i, static_cast<std::int64_t>(axis_), operand_types_[0]);
    }
    return Status(Code::internal, "gather: a fault without a wrong index");
  }

  bool Read(std::int64_t index, std::int64_t* at) const {
    *at = index;
    return index >= 0 && index < extent_;
  }

  /// Calls f with the C++ type of the indices: inference admits two.
  template <class F>
  Status VisitIndices(F&& f) const {
    return operand_types_[1].dtype == DType::i64 ? f(std::int64_t{}) : f(std::int32_t{});
  }

  std::size_t axis_;
  std::int64_t extent_;
};

/// r[outer, i, inner] = x[outer, indices[i], inner]; a unit is one run of inner elements.
class GatherStep final : public GatherBase {
 public:
  GatherStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : GatherBase(node, std::move(operand_types)) {
    const Shape& x = operand_types_[0].shape;
    outer_ = ir::product(x.dims(), 0, axis_);
    count_ = operand_types_[1].shape.num_elements();
    run_ = ir::product(x.dims(), axis_ + 1, x.size()) *
           static_cast<std::int64_t>(byte_size(operand_types_[0].dtype));
  }
  std::int64_t units() const { return outer_ * count_; }
  std::int64_t run() const { return run_; }
  bool ReadsUnaligned(std::size_t read) const override { return read == 0; }  // a copy of bytes

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    return VisitIndices([&]<class I>(I) {
      switch (run_) {
        case 1: return Copy<I, 1>(context, begin, end);
        case 2: return Copy<I, 2>(context, begin, end);
        case 4: return Copy<I, 4>(context, begin, end);
        case 8: return Copy<I, 8>(context, begin, end);
        default: return Copy<I, 0>(context, begin, end);
      }
    });
  }

 private:
  template <class I, std::size_t kRun>  // kRun: the run in bytes, 0 if it is not a small constant
  Status Copy(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    const I* indices = In<I>(context, 1);
    const std::size_t bytes = kRun != 0 ? kRun : static_cast<std::size_t>(run_);
    const std::byte* x = In<std::byte>(context, 0) + begin / count_ * extent_ * run_;
    std::byte* to = Out<std::byte>(context, 0) + begin * run_;
    for (std::int64_t u = begin, i = begin % count_; u < end; ++u, to += run_) {
      std::int64_t at;
      if (!Read(indices[i], &at)) return Fault(context);
      std::memcpy(to, x + at * run_, bytes);
      if (++i == count_) i = 0, x += extent_ * run_;
    }
    return {};
  }

  std::int64_t outer_ = 1, count_ = 1, run_ = 1;
};

/// r[.., i, ..] = x[.., indices[.., i, ..], ..]; a unit is one row of the minor-most dimension.
class GatherElementsStep final : public GatherBase {
 public:
  GatherElementsStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : GatherBase(node, std::move(operand_types)) {
    strides_ = ir::row_major_strides(operand_types_[0].shape.dims());
    step_ = strides_[axis_];
    strides_[axis_] = 0;
    row_ = node_.type().shape.back();
  }
  std::int64_t units() const { return node_.type().shape.num_elements() / row_; }
  std::int64_t row() const { return row_; }

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    return VisitIndices([&]<class I>(I) {
      switch (byte_size(node_.type().dtype)) {
        case 1: return Copy<I, std::uint8_t>(context, begin, end);
        case 2: return Copy<I, std::uint16_t>(context, begin, end);
        case 4: return Copy<I, std::uint32_t>(context, begin, end);
        default: return Copy<I, std::uint64_t>(context, begin, end);
      }
    });
  }

 private:
  template <class I, class U>
  Status Copy(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    const Shape& shape = node_.type().shape;
    const std::int64_t minor = strides_.back();
    const I* indices = In<I>(context, 1) + begin * row_;
    U* to = Out<U>(context, 0) + begin * row_;
    for (std::int64_t u = begin; u < end; ++u, to += row_, indices += row_) {
      const U* x = In<U>(context, 0);
      std::int64_t rest = u;
      for (std::size_t d = shape.size() - 1; d-- > 0;) {
        x += rest % shape[d] * strides_[d];
        rest /= shape[d];
      }
      for (std::int64_t j = 0; j < row_; ++j) {
        std::int64_t at;
        if (!Read(indices[j], &at)) return Fault(context);
        to[j] = x[at * step_ + j * minor];
      }
    }
    return {};
  }

  ir::Strides strides_;  // of x, with 0 along the axis
  std::int64_t step_ = 1, row_ = 1;
};

}  // namespace

OpStep make_gather_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  auto body = std::make_shared<GatherStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = 2.0 + 0.1 * static_cast<double>(body->run());
  return split_step(std::move(body), units, unit_ns);
}

OpStep make_gather_elements_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  if (operand_types[0].shape.rank() == 0) return make_interpreted_step(node, std::move(operand_types));
  auto body = std::make_shared<GatherElementsStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = 5.0 + 1.5 * static_cast<double>(body->row());
  return split_step(std::move(body), units, unit_ns);
}

}  // namespace leat::runtime::cpu
