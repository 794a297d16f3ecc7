// reduce_window, as ir/interpret_window.cpp defines it. A unit is one row of the result along the last
// windowed dimension: the window's positions are taken in row-major order, each for the whole row at once, so
// the bounds are found once per position and the inner loop runs over neighbours. Maxima and minima do not
// depend on the order, so there each place of the row is taken over the other dimensions first.
#include <cstring>
#include <utility>

#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {
namespace {

/// One windowed dimension.
struct Slide {
  std::int64_t extent, results, window, stride, low, dilation;
  std::int64_t x_step;  // elements of x from one place to the next

  /// The first and last + 1 window positions that lie inside x for result o.
  std::int64_t First(std::int64_t o) const {
    const std::int64_t at = o * stride - low;
    return at < 0 ? (-at + dilation - 1) / dilation : 0;
  }
  std::int64_t Past(std::int64_t o) const {
    const std::int64_t at = o * stride - low;
    return extent <= at ? 0 : std::min(window, (extent - 1 - at) / dilation + 1);
  }
};

class WindowStep final : public NodeStep {
 public:
  WindowStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : NodeStep(node, std::move(operand_types)), kind_(node_.attrs().string(ir::Attr::kind)) {
    const Shape& x = operand_types_[0].shape;
    const Shape& shape = node_.type().shape;
    const ir::Attributes& attrs = node_.attrs();
    const auto at = [&](ir::Attr attr, std::size_t d) { return attrs.integers(attr)[d]; };
    const auto plain = [&](std::size_t d) {
      return at(ir::Attr::window, d) == 1 && at(ir::Attr::strides, d) == 1 && at(ir::Attr::low, d) == 0 &&
             at(ir::Attr::high, d) == 0;
    };
    // Plain dimensions before the windowed ones are planes, those after them lie within each element.
    std::size_t first = 0, last = x.size();
    while (first < last && plain(first)) ++first;
    while (last > first && plain(last - 1)) --last;
    if (first == last) first = last - 1;  // nothing slides: the last dimension serves
    planes_ = ir::product(x.dims(), 0, first);
    inner_ = ir::product(x.dims(), last, x.size());
    const ir::Strides steps = ir::row_major_strides(x.dims());
    for (std::size_t d = first; d < last; ++d) {
      slides_.push_back({x[d], shape[d], at(ir::Attr::window, d), at(ir::Attr::strides, d),
                         at(ir::Attr::low, d), at(ir::Attr::dilation, d), steps[d]});
    }
    plane_ = ir::product(x.dims(), first, x.size());
    row_ = slides_.back();
    slides_.pop_back();
    rows_ = planes_;
    for (const Slide& s : slides_) rows_ *= s.results;
  }
  std::int64_t units() const { return rows_; }
  double unit_ns() const {
    double positions = static_cast<double>(row_.window);
    for (const Slide& s : slides_) positions *= static_cast<double>(s.window);
    return 20 + 0.5 * positions * static_cast<double>(row_.results * inner_);
  }

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    visit_dtype(node_.type().dtype, [&]<class T>(T) {
      using A = ir::Accumulator<T>;
      if (kind_ == "max") {
        Rows<T>(context, begin, end, ir::Op::reduce_max, ir::least_value<A>());
      } else if (kind_ == "min") {
        Rows<T>(context, begin, end, ir::Op::reduce_min, ir::greatest_value<A>());
      } else {
        A start(0);
        if constexpr (std::is_floating_point_v<A>) start = A(-0.0);  // what adding leaves alone
        Rows<T>(context, begin, end, ir::Op::reduce_sum, start);
      }
    });
    return {};
  }

 private:
  template <class T>
  void Rows(const StepContext& context, std::int64_t begin, std::int64_t end, ir::Op op,
            ir::Accumulator<T> start) const {
    using A = ir::Accumulator<T>;
    const ReductionLoops& loops = host_tile_loops().Reduction(op, node_.type().dtype);
    const std::int64_t width = row_.results * inner_;
    constexpr bool kInPlace = std::is_same_v<A, T>;  // what is joined is the result
    std::unique_ptr<A[]> kept;
    if (!kInPlace) kept = std::make_unique<A[]>(static_cast<std::size_t>(width));
    const auto gathered = std::make_unique<T[]>(static_cast<std::size_t>(width));
    // Of each place of x along the row.
    const bool places_first = op != ir::Op::reduce_sum && row_.window > 1 && !slides_.empty();
    const std::int64_t across = row_.extent * inner_;
    std::unique_ptr<A[]> places;
    std::unique_ptr<T[]> of_places;
    if (places_first) {
      places = std::make_unique<A[]>(static_cast<std::size_t>(across));
      if (!kInPlace) of_places = std::make_unique<T[]>(static_cast<std::size_t>(across));
    }
    const auto slide_row = [&](const T* x, A* row) {
      for (std::int64_t k = 0; k < row_.window; ++k) TakePosition(x, k, loops, row, gathered.get());
    };
    const std::size_t rank = slides_.size();
    ir::Strides o(rank), w(rank), first(rank), past(rank);
    for (std::int64_t u = begin; u < end; ++u) {
      std::int64_t rest = u;
      bool any = true;
      for (std::size_t d = rank; d-- > 0;) {
        o[d] = rest % slides_[d].results;
        rest /= slides_[d].results;
        w[d] = first[d] = slides_[d].First(o[d]);
        past[d] = slides_[d].Past(o[d]);
        any = any && first[d] < past[d];
      }
      const T* plane = In<T>(context, 0) + rest * plane_;
      T* const y = Out<T>(context, 0) + u * width;
      A* row = kept.get();
      if constexpr (kInPlace) row = y;
      std::fill_n(row, width, start);
      bool is_first = true;
      while (any) {
        const T* x = plane;
        for (std::size_t d = 0; d < rank; ++d) {
          x += (o[d] * slides_[d].stride - slides_[d].low + w[d] * slides_[d].dilation) * slides_[d].x_step;
        }
        if (!places_first) {
          slide_row(x, row);
        } else if (std::exchange(is_first, false)) {
          loops.start_row(places.get(), x, across);
        } else {
          loops.take_rows(places.get(), x, 1, across);
        }
        std::size_t d = rank;
        while (d > 0 && ++w[d - 1] == past[d - 1]) --d, w[d] = first[d];
        if (d == 0) break;
      }
      if (any && places_first) {
        if constexpr (kInPlace) {
          slide_row(places.get(), row);
        } else {
          loops.finish(of_places.get(), places.get(), across);
          slide_row(of_places.get(), row);
        }
      }
      if constexpr (!kInPlace) loops.finish(y, row, width);
      // A sum of nothing is +0; for the others the start is what nothing gives.
      for (std::int64_t i = 0; op == ir::Op::reduce_sum && i < row_.results; ++i) {
        if (!any || row_.First(i) >= row_.Past(i)) std::fill_n(y + i * inner_, inner_, T(0));
      }
    }
  }

  /// Position k of the row's dimension, for every result whose window has it inside x.
  template <class T, class A>
  void TakePosition(const T* x, std::int64_t k, const ReductionLoops& loops, A* row, T* gathered) const {
    // Result i reads place i * stride + shift, which must lie in [0, extent).
    const std::int64_t shift = k * row_.dilation - row_.low;
    const std::int64_t begin = shift < 0 ? (-shift + row_.stride - 1) / row_.stride : 0;
    const std::int64_t room = row_.extent - 1 - shift;
    const std::int64_t end = room < 0 ? 0 : std::min(row_.results, room / row_.stride + 1);
    if (begin >= end) return;
    const T* from = x + (begin * row_.stride + shift) * inner_;
    if (row_.stride == 1) {
      loops.take_rows(row + begin * inner_, from, 1, (end - begin) * inner_);
    } else {
      const std::int64_t step = row_.stride * inner_, count = end - begin;
      switch (static_cast<std::size_t>(inner_) * sizeof(T)) {  // one element, and blocks of channels
        case sizeof(T): Gather<sizeof(T)>(gathered, from, step, count); break;
        case 16: Gather<16>(gathered, from, step, count); break;
        case 32: Gather<32>(gathered, from, step, count); break;
        case 64: Gather<64>(gathered, from, step, count); break;
        default:
          for (std::int64_t i = begin; i < end; ++i, from += step) {
            loops.take_rows(row + i * inner_, from, 1, inner_);
          }
          return;
      }
      loops.take_rows(row + begin * inner_, gathered, 1, count * inner_);
    }
  }

  /// Copies runs of kBytes that are `step` elements apart.
  template <std::size_t kBytes, class T>
  static void Gather(T* to, const T* from, std::int64_t step, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i, from += step, to += kBytes / sizeof(T))
      std::memcpy(to, from, kBytes);
  }

  std::string kind_;
  std::vector<Slide> slides_;  // all but the last windowed dimension
  Slide row_{};
  std::int64_t planes_ = 1, plane_ = 1, inner_ = 1, rows_ = 1;
};

}  // namespace

OpStep make_window_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  if (operand_types[0].shape.rank() == 0) return make_interpreted_step(node, std::move(operand_types));
  auto body = std::make_shared<WindowStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = body->unit_ns();
  return split_step(std::move(body), units, unit_ns);
}

}  // namespace leat::runtime::cpu
