// arg_max, arg_min and the running reductions along an axis, as ir/interpret_ordered.cpp defines them. A unit
// is one line of the axis, or a block of up to 256 neighbouring lines that advance together.
#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {
namespace {

using ir::Op;

constexpr std::int64_t kBlock = 256;

/// A step over lines: [outer, extent, inner], elements of one line `inner` apart.
class LineStep : public NodeStep {
 public:
  LineStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : NodeStep(node, std::move(operand_types)) {
    const Shape& shape = operand_types_[0].shape;
    const auto axis = static_cast<std::size_t>(node_.attrs().integer(ir::Attr::axis));
    outer_ = ir::product(shape.dims(), 0, axis);
    extent_ = shape[axis];
    inner_ = ir::product(shape.dims(), axis + 1, shape.size());
    blocks_ = (inner_ + kBlock - 1) / kBlock;
  }
  std::int64_t units() const { return outer_ * blocks_; }
  std::int64_t elements_per_unit() const { return extent_ * std::min(inner_, kBlock); }

 protected:
  struct Unit {
    std::int64_t outer, first, lines;
  };
  Unit At(std::int64_t unit) const {
    const std::int64_t first = unit % blocks_ * kBlock;
    return {unit / blocks_, first, std::min(kBlock, inner_ - first)};
  }

  std::int64_t outer_ = 1, extent_ = 1, inner_ = 1, blocks_ = 1;
};

class ArgStep final : public LineStep {
 public:
  using LineStep::LineStep;

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    visit_dtype(operand_types_[0].dtype, [&]<class T>(T) {
      for (std::int64_t u = begin; u < end; ++u) {
        const Unit unit = At(u);
        const T* x = In<T>(context, 0) + unit.outer * extent_ * inner_ + unit.first;
        std::int64_t* best = Out<std::int64_t>(context, 0) + unit.outer * inner_ + unit.first;
        if (inner_ == 1) {
          *best = Line(x);
        } else {
          Lines(x, unit.lines, best);
        }
      }
    });
    return {};
  }

 private:
  bool maximum() const { return node_.op == Op::arg_max; }

  /// The extremum by the vector loops, then the first place that has it.
  template <class T>
  std::int64_t Line(const T* x) const {
    const TileLoops& loops = host_tile_loops();
    const DType dtype = operand_types_[0].dtype;
    const ReductionLoops& reduction = loops.Reduction(maximum() ? Op::reduce_max : Op::reduce_min, dtype);
    const TileLoop join = loops.Elementwise(maximum() ? Op::maximum : Op::minimum, dtype);
    constexpr std::int64_t kChunk = 4096;
    T extremum;
    reduction.whole_rows(&extremum, x, 1, std::min(kChunk, extent_));
    for (std::int64_t at = kChunk; at < extent_; at += kChunk) {
      T other;
      reduction.whole_rows(&other, x + at, 1, std::min(kChunk, extent_ - at));
      const void* operands[] = {&extremum, &other};
      join(&extremum, operands, 1, nullptr);
    }
    if (ir::is_nan(extremum)) {
      return std::find_if(x, x + extent_, [](T v) { return ir::is_nan(v); }) - x;
    }
    const std::uint64_t key = ir::order_key(extremum);
    return std::find_if(x, x + extent_, [key](T v) { return ir::order_key(v) == key && !ir::is_nan(v); }) - x;
  }

  template <class T>
  void Lines(const T* x, std::int64_t lines, std::int64_t* best) const {
    T leader[kBlock];
    for (std::int64_t i = 0; i < lines; ++i) leader[i] = x[i], best[i] = 0;
    for (std::int64_t k = 1; k < extent_; ++k) {
      const T* row = x + k * inner_;
      for (std::int64_t i = 0; i < lines; ++i) {
        if (!Beats(row[i], leader[i])) continue;
        leader[i] = row[i];
        best[i] = k;
      }
    }
  }

  template <class T>
  bool Beats(T x, T leader) const {
    if (ir::is_nan(leader)) return false;
    if (ir::is_nan(x)) return true;
    return maximum() ? ir::order_key(x) > ir::order_key(leader) : ir::order_key(x) < ir::order_key(leader);
  }
};

class CumulativeStep final : public LineStep {
 public:
  CumulativeStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : LineStep(node, std::move(operand_types)),
        exclusive_(node_.attrs().boolean(ir::Attr::exclusive)),
        backward_(node_.attrs().boolean(ir::Attr::backward)) {}

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    visit_dtype(operand_types_[0].dtype, [&]<class T>(T) {
      using A = ir::Accumulator<T>;
      switch (node_.op) {
        case Op::cumulative_sum: Run<T>(context, begin, end, A(0), ir::sum<A>); break;
        case Op::cumulative_prod: Run<T>(context, begin, end, A(1), ir::multiply<A>); break;
        case Op::cumulative_max: Run<T>(context, begin, end, ir::least_value<A>(), ir::greater_of<A>); break;
        default: Run<T>(context, begin, end, ir::greatest_value<A>(), ir::lesser_of<A>); break;
      }
    });
    return {};
  }

 private:
  template <class T, class F>
  void Run(const StepContext& context, std::int64_t begin, std::int64_t end, ir::Accumulator<T> identity,
           F f) const {
    using A = ir::Accumulator<T>;
    for (std::int64_t u = begin; u < end; ++u) {
      const Unit unit = At(u);
      const std::int64_t start = unit.outer * extent_ * inner_ + unit.first;
      const T* x = In<T>(context, 0) + start;
      T* y = Out<T>(context, 0) + start;
      A running[kBlock];
      for (std::int64_t n = 0; n < extent_; ++n) {
        const std::int64_t at = (backward_ ? extent_ - 1 - n : n) * inner_;
        for (std::int64_t i = 0; i < unit.lines; ++i) {
          const A element = ir::widen(x[at + i]);
          const A before = n == 0 ? identity : running[i];
          running[i] = n == 0 ? element : f(before, element);
          y[at + i] = ir::round_to<T>(exclusive_ ? before : running[i]);
        }
      }
    }
  }

  bool exclusive_, backward_;
};

}  // namespace

OpStep make_arg_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  auto body = std::make_shared<ArgStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = 20 + 0.8 * static_cast<double>(body->elements_per_unit());
  return split_step(std::move(body), units, unit_ns);
}

OpStep make_cumulative_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  auto body = std::make_shared<CumulativeStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = 20 + 1.5 * static_cast<double>(body->elements_per_unit());
  return split_step(std::move(body), units, unit_ns);
}

}  // namespace leat::runtime::cpu
