// attention, exactly as ir/interpret_attention.cpp defines it: every dot is fma after fma from +0, the
// softmax follows the row reduction, the result is rounded once. A unit is a block of queries of one batch;
// keys and values are widened (and keys transposed) once per range and batch.
#include <memory>

#include "ir/meaning/reduction.h"
#include "ir/multiply_add_row.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"
#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {
namespace {

using ir::Op;

/// Queries per unit: transposing the keys then costs a few percent of the work.
constexpr std::int64_t kQueries = 64;

class AttentionStep final : public NodeStep {
 public:
  AttentionStep(const ir::Node& node, std::vector<ir::Type> operand_types)
      : NodeStep(node, std::move(operand_types)),
        causal_(node_.attrs().boolean(ir::Attr::causal)),
        masked_(operand_types_.size() == 4) {
    const Shape& q = operand_types_[0].shape;
    const Shape& v = operand_types_[2].shape;
    const std::size_t lead = q.size() - 2;
    batches_ = ir::product(q.dims(), 0, lead);
    queries_ = q[lead];
    width_ = q[lead + 1];
    keys_ = v[lead];
    columns_ = v[lead + 1];
    blocks_ = (queries_ + kQueries - 1) / kQueries;
  }
  std::int64_t units() const { return batches_ * blocks_; }
  double unit_ns() const {
    const double rows = static_cast<double>(std::min(queries_, kQueries));
    return rows * static_cast<double>(keys_) * (1.5 + 0.06 * static_cast<double>(width_ + columns_));
  }

  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override;

 private:
  template <class T>
  void AttendAll(StepContext& context, std::int64_t begin, std::int64_t end) const {
    using A = ir::Accumulator<T>;
    const auto room = [](std::int64_t n) {
      return std::make_unique_for_overwrite<A[]>(static_cast<std::size_t>(n));
    };
    const auto k_columns = room(width_ * keys_), v = room(keys_ * columns_), s = room(keys_),
               acc = room(columns_);
    const auto tops = room(keys_);
    std::int64_t packed = -1;
    for (std::int64_t u = begin; u < end && !context.stopping(); ++u) {
      const std::int64_t b = u / blocks_, first = u % blocks_ * kQueries;
      if (b != packed) {
        Pack(In<T>(context, 1) + b * keys_ * width_, In<T>(context, 2) + b * keys_ * columns_,
             k_columns.get(), v.get());
        packed = b;
      }
      for (std::int64_t i = first; i < std::min(first + kQueries, queries_); ++i) {
        const T* q = In<T>(context, 0) + (b * queries_ + i) * width_;
        const T* mask = masked_ ? In<T>(context, 3) + (b * queries_ + i) * keys_ : nullptr;
        Attend(q, mask, i, k_columns.get(), v.get(), s.get(), tops.get(), acc.get(),
               Out<T>(context, 0) + (b * queries_ + i) * columns_);
      }
    }
  }

  template <class T, class A>
  void Pack(const T* k_rows, const T* v_rows, A* k_columns, A* v) const {
    constexpr std::int64_t kBlock = 16;  // so that the lines written stay in cache
    for (std::int64_t j0 = 0; j0 < keys_; j0 += kBlock) {
      const std::int64_t j1 = std::min(j0 + kBlock, keys_);
      for (std::int64_t d = 0; d < width_; ++d) {
        for (std::int64_t j = j0; j < j1; ++j) k_columns[d * keys_ + j] = ir::widen(k_rows[j * width_ + d]);
      }
    }
    for (std::int64_t i = 0; i < keys_ * columns_; ++i) v[i] = ir::widen(v_rows[i]);
  }

  template <class T, class A>
  void Attend(const T* q, const T* mask, std::int64_t i, const A* k_columns, const A* v, A* s, A* tops,
              A* acc, T* out) const {
    const TileLoops& loops = host_tile_loops();
    constexpr DType kDType = dtype_of<A>();
    const A scale = static_cast<A>(node_.attrs().real(ir::Attr::scale));
    std::fill_n(s, keys_, A(0));
    for (std::int64_t d = 0; d < width_; ++d) {
      ir::multiply_add_row(ir::widen(q[d]), k_columns + d * keys_, s, keys_);
    }
    for (std::int64_t j = 0; j < keys_; ++j) s[j] *= scale;
    if (mask != nullptr) {
      for (std::int64_t j = 0; j < keys_; ++j) s[j] += ir::widen(mask[j]);
    }
    if (causal_) {
      const std::int64_t seen = std::clamp<std::int64_t>(i + (keys_ - queries_) + 1, 0, keys_);
      std::fill(s + seen, s + keys_, ir::least_value<A>());
    }
    const A top = Reduce(loops.Reduction(Op::reduce_max, kDType), Op::reduce_max, s);
    std::fill_n(tops, keys_, top);
    const void* difference[] = {s, tops};
    loops.Elementwise(Op::sub, kDType)(s, difference, keys_, nullptr);
    const void* exponent[] = {s};
    loops.Elementwise(Op::exp, kDType)(s, exponent, keys_, nullptr);
    const A total = Reduce(loops.Reduction(Op::reduce_sum, kDType), Op::reduce_sum, s);
    std::fill_n(acc, columns_, A(0));
    for (std::int64_t j = 0; j < keys_; ++j) ir::multiply_add_row(s[j], v + j * columns_, acc, columns_);
    for (std::int64_t e = 0; e < columns_; ++e) out[e] = ir::round_to<T>(acc[e] / total);
  }

  /// In rows order, by the vector loops where the row is one chunk.
  template <class A>
  A Reduce(const ReductionLoops& loops, Op op, const A* s) const {
    if (keys_ <= meaning::kReductionChunk) {
      A result;
      loops.whole_rows(&result, s, 1, keys_);
      return result;
    }
    const auto at = [s](std::int64_t j) { return s[j]; };
    constexpr auto kRows = meaning::ReductionOrder::rows;
    return op == Op::reduce_max ? meaning::reduce<Op::reduce_max, A>(kRows, keys_, at)
                                : meaning::reduce<Op::reduce_sum, A>(kRows, keys_, at);
  }

  bool causal_, masked_;
  std::int64_t batches_ = 1, queries_ = 1, width_ = 1, keys_ = 1, columns_ = 1, blocks_ = 1;
};

// Behind the class: inside it clang 19 loses the instantiations that only a lambda asks for.
Status AttentionStep::Run(StepContext& context, std::int64_t begin, std::int64_t end) const {
  return visit_dtype(node_.type().dtype, [&]<class T>(T) -> Status {
    if constexpr (ir::kIsFloat<T>) {
      AttendAll<T>(context, begin, end);
      return {};
    } else {
      return Status(Code::internal, "attention needs a floating dtype");
    }
  });
}

}  // namespace

OpStep make_attention_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  auto body = std::make_shared<AttentionStep>(node, std::move(operand_types));
  const std::int64_t units = body->units();
  const double unit_ns = body->unit_ns();
  return split_step(std::move(body), units, unit_ns);
}

}  // namespace leat::runtime::cpu
