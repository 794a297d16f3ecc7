#include "runtime/cpu/pairwise_step.h"

#include "absl/strings/str_cat.h"
#include "ir/meaning/reduction.h"

namespace leat::runtime::cpu {
namespace {

template <ir::Op op, class S>
class PairwiseStep final : public StepBody {
 public:
  PairwiseStep(std::int64_t chunks, std::int64_t rows) : chunks_(chunks), rows_(rows) {}
  Status Execute(StepContext& context, std::int64_t, std::int64_t) const override {
    using R = meaning::Reduction<op, S>;
    using T = typename R::Accumulator;
    const T* partials = static_cast<const T*>(context.pointers[0]);
    S* result = static_cast<S*>(context.pointers[1]);
    const auto join = [](T a, T b) { return R::template Join<T>(a, b); };
    for (std::int64_t row = 0; row < rows_; ++row) {
      meaning::PairwiseTree<T, decltype(join)> tree(join);
      for (std::int64_t c = 0; c < chunks_; ++c) tree.Push(partials[c * rows_ + row]);
      if constexpr (std::is_same_v<T, S>) {
        result[row] = tree.Finish();
      } else {
        result[row] = S(tree.Finish());
      }
    }
    return {};
  }
  std::string_view kind() const override { return "pairwise"; }
  std::string ToString() const override {
    return absl::StrCat("pairwise ", std::string(ir::name(op)), " ", chunks_, " chunks of ", rows_, " rows");
  }

 private:
  std::int64_t chunks_, rows_;
};

template <ir::Op op>
std::shared_ptr<const StepBody> make(DType dtype, std::int64_t chunks, std::int64_t rows) {
  return visit_dtype(dtype, [&](auto zero) -> std::shared_ptr<const StepBody> {
    using S = decltype(zero);
    constexpr bool kLogical = op == ir::Op::reduce_and || op == ir::Op::reduce_or;
    constexpr bool kNumeric = op == ir::Op::reduce_sum || op == ir::Op::reduce_prod;
    constexpr bool kHasFraction = is_float(dtype_of<S>());
    if constexpr ((kLogical && kHasFraction) || (kNumeric && std::is_same_v<S, bool>)) {
      return nullptr;  // inference accepts no such reduction
    } else {
      return std::make_shared<PairwiseStep<op, S>>(chunks, rows);
    }
  });
}

}  // namespace

std::shared_ptr<const StepBody> make_pairwise_step(ir::Op op, DType dtype, std::int64_t chunks,
                                                   std::int64_t rows) {
  switch (op) {
    case ir::Op::reduce_sum: return make<ir::Op::reduce_sum>(dtype, chunks, rows);
    case ir::Op::reduce_prod: return make<ir::Op::reduce_prod>(dtype, chunks, rows);
    case ir::Op::reduce_max: return make<ir::Op::reduce_max>(dtype, chunks, rows);
    case ir::Op::reduce_min: return make<ir::Op::reduce_min>(dtype, chunks, rows);
    case ir::Op::reduce_and: return make<ir::Op::reduce_and>(dtype, chunks, rows);
    case ir::Op::reduce_or: return make<ir::Op::reduce_or>(dtype, chunks, rows);
    default: return nullptr;
  }
}

}  // namespace leat::runtime::cpu
