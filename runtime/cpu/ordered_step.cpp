// arg_max, arg_min and the running reductions along an axis, as ir/interpret_ordered.cpp defines them. A unit
// is one line of the axis, or a block of up to 256 neighbouring lines that advance together.
#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {
namespace {

using ir::Op;

constexpr std::int64_t kColumns = 256;

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
    blocks_ = (inner_ + kColumns - 1) / kColumns;
  }
  std::int64_t units() const { return outer_ * blocks_; }
  std::int64_t elements_per_unit() const { return extent_ * std::min(inner_, kColumns); }

 protected:
  struct Unit {
    std::int64_t outer, first, lines;
  };
  Unit At(std::int64_t unit) const {
    const std::int64_t first = unit % blocks_ * kColumns;
    return {unit / blocks_, first, std::min(kColumns, inner_ - first)};
  }

  std::int64_t outer_ = 1, extent_ = 1, inner_ = 1, blocks_ = 1;
};

class ArgStep final : public LineStep {
 public:
  using LineStep::LineStep;

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    visit_dtype(operand_types_[0].dtype, [&]<class T>(T) {
      for (std::int64_t u = begin; u < end; ++u) {
        const Unit unit = At(u);
        const T* x = In<T>(context, 0) + unit.outer * extent_ * inner_ + unit.first;
        std::int64_t* best = Out<std::int64_t>(context, 0) + unit.outer * inner_ + unit.first;
        if (inner_ == 1) {
          *best = Line(x);
        } else {
          maximum() ? Lines<true>(x, unit.lines, best) : Lines<false>(x, unit.lines, best);
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

  template <bool kMaximum, class T>
  void Lines(const T* x, std::int64_t lines, std::int64_t* best) const {
    T leader[kColumns];
    for (std::int64_t i = 0; i < lines; ++i) leader[i] = x[i], best[i] = 0;
    for (std::int64_t k = 1; k < extent_; ++k) {
      const T* row = x + k * inner_;
      for (std::int64_t i = 0; i < lines; ++i) {
        if (!Beats<kMaximum>(row[i], leader[i])) continue;
        leader[i] = row[i];
        best[i] = k;
      }
    }
  }

  template <bool kMaximum, class T>
  static bool Beats(T x, T leader) {
    if (ir::is_nan(leader)) return false;
    if (ir::is_nan(x)) return true;
    return kMaximum ? ir::order_key(x) > ir::order_key(leader) : ir::order_key(x) < ir::order_key(leader);
  }
};

class CumulativeStep final : public LineStep {
 public:
  CumulativeStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : LineStep(node, std::move(operand_types)),
        exclusive_(node_.attrs().boolean(ir::Attr::exclusive)),
        backward_(node_.attrs().boolean(ir::Attr::backward)) {}

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t u = begin; u < end; ++u) {
      const Unit unit = At(u);
      const std::int64_t start = unit.outer * extent_ * inner_ + unit.first;
      if (inner_ > 1) {
        Block(context, start, unit.lines);
      } else {
        visit_dtype(operand_types_[0].dtype, [&]<class T>(T) { Line<T>(context, start); });
      }
    }
    return {};
  }

 private:
  /// A block of lines, one index along the axis at a time, by the loops of column reductions.
  void Block(const StepContext& context, std::int64_t start, std::int64_t lines) const {
    const DType dtype = operand_types_[0].dtype;
    const auto bytes = static_cast<std::int64_t>(byte_size(dtype));
    const ReductionLoops& loops = host_tile_loops().Reduction(ReductionOp(), dtype);
    alignas(64) std::byte running[kColumns * 8];
    for (std::int64_t n = 0; n < extent_; ++n) {
      const std::int64_t at = (start + (backward_ ? extent_ - 1 - n : n) * inner_) * bytes;
      const std::byte* x = In<std::byte>(context, 0) + at;
      std::byte* y = Out<std::byte>(context, 0) + at;
      if (exclusive_) n == 0 ? loops.empty(y, lines) : loops.finish(y, running, lines);
      n == 0 ? loops.start_row(running, x, lines) : loops.take_rows(running, x, 1, lines);
      if (!exclusive_) loops.finish(y, running, lines);
    }
  }

  Op ReductionOp() const {
    switch (node_.op) {
      case Op::cumulative_sum: return Op::reduce_sum;
      case Op::cumulative_prod: return Op::reduce_prod;
      case Op::cumulative_max: return Op::reduce_max;
      default: return Op::reduce_min;
    }
  }

  template <class T>
  void Line(const StepContext& context, std::int64_t start) const {
    using A = ir::Accumulator<T>;
    const T* x = In<T>(context, 0) + start;
    T* y = Out<T>(context, 0) + start;
    switch (node_.op) {
      case Op::cumulative_sum: Advance(x, y, A(0), [](A a, A b) { return ir::sum(a, b); }); break;
      case Op::cumulative_prod: Advance(x, y, A(1), [](A a, A b) { return ir::multiply(a, b); }); break;
      case Op::cumulative_max:
        Advance(x, y, ir::least_value<A>(), [](A a, A b) { return ir::greater_of(a, b); });
        break;
      default: Advance(x, y, ir::greatest_value<A>(), [](A a, A b) { return ir::lesser_of(a, b); }); break;
    }
  }

  template <class T, class A, class F>
  void Advance(const T* x, T* y, A identity, F f) const {
    const std::int64_t step = backward_ ? -1 : 1;
    std::int64_t at = backward_ ? extent_ - 1 : 0;
    A running = ir::widen(x[at]);
    y[at] = ir::round_to<T>(exclusive_ ? identity : running);
    for (std::int64_t n = 1; n < extent_; ++n) {
      at += step;
      const A before = running;
      running = f(before, ir::widen(x[at]));
      y[at] = ir::round_to<T>(exclusive_ ? before : running);
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
