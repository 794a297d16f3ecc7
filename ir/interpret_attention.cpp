// attention: softmax(q k^T * scale [+ mask]) v, with q [...,m,d], k [...,n,d], v [...,n,e].
//
// For each query i, in f32 for f16, bf16 and f32 operands and in f64 for f64, every step rounded:
//   s_j = dot(q_i, k_j) * scale (+ mask_ij)   dot as in dot_general: fma after fma in order of d, from +0
//   s_j = -inf where causal and j > i + (n - m): the last query sees every key
//   top = maximum over j (NaN wins, -0 < +0; -inf over nothing)
//   p_j = exp(s_j - top)                      meaning::exp
//   total = sum of p_j in the fixed shape of a row reduction (ir/meaning/reduction.h)
//   o_e = acc / total, acc = fma(p_j, v_je, acc) in order of j, from +0; rounded once to the dtype
// A masked key takes part with p_j = 0. A query whose keys are all masked gives NaN (-inf - -inf), and so
// does one without keys (0 / 0).
#include <algorithm>

#include "ir/exponentiate_row.h"
#include "ir/interpret_families.h"
#include "ir/meaning/elementwise.h"
#include "ir/meaning/reduction.h"
#include "ir/multiply_add_row.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

template <class T>
void attend(const OpCall& call) {
  using A = Accumulator<T>;
  const Shape& q_shape = call.shape(0);
  const Shape& v_shape = call.shape(2);
  const std::size_t lead = q_shape.size() - 2;
  const std::int64_t batches = product(q_shape.dims(), 0, lead);
  const std::int64_t queries = q_shape[lead], width = q_shape[lead + 1];
  const std::int64_t keys = v_shape[lead], columns = v_shape[lead + 1];
  const A scale = static_cast<A>(call.attrs().real(Attr::scale));
  const bool causal = call.attrs().boolean(Attr::causal);
  const T* mask = call.operands.size() == 4 ? call.in<T>(3) : nullptr;
  T* out = call.out<T>(0);
  std::vector<A> k_columns(static_cast<std::size_t>(width * keys));  // [d, n], widened
  std::vector<A> v(static_cast<std::size_t>(keys * columns));
  std::vector<A> s(static_cast<std::size_t>(keys)), acc(static_cast<std::size_t>(columns));
  for (std::int64_t b = 0; b < batches; ++b) {
    const T* k_rows = call.in<T>(1) + b * keys * width;
    const T* v_rows = call.in<T>(2) + b * keys * columns;
    for (std::int64_t j = 0; j < keys; ++j) {
      for (std::int64_t d = 0; d < width; ++d) {
        k_columns[static_cast<std::size_t>(d * keys + j)] = widen(k_rows[j * width + d]);
      }
    }
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = widen(v_rows[i]);
    for (std::int64_t i = 0; i < queries; ++i) {
      const T* q = call.in<T>(0) + (b * queries + i) * width;
      std::fill(s.begin(), s.end(), A(0));
      for (std::int64_t d = 0; d < width; ++d) {
        multiply_add_row(widen(q[d]), k_columns.data() + d * keys, s.data(), keys);
      }
      A top = least_value<A>();
      for (std::int64_t j = 0; j < keys; ++j) {
        A& score = s[static_cast<std::size_t>(j)];
        score *= scale;
        if (mask != nullptr) score += widen(mask[(b * queries + i) * keys + j]);
        if (causal && j > i + (keys - queries)) score = least_value<A>();
        top = greater_of(top, score);
      }
      exponentiate_row(top, s.data(), keys);
      const A total =
          meaning::reduce<Op::reduce_sum, A>(meaning::ReductionOrder::rows, keys,
                                             [&](std::int64_t j) { return s[static_cast<std::size_t>(j)]; });
      std::fill(acc.begin(), acc.end(), A(0));
      for (std::int64_t j = 0; j < keys; ++j) {
        multiply_add_row(s[static_cast<std::size_t>(j)], v.data() + j * columns, acc.data(), columns);
      }
      for (const A& value : acc) *out++ = round_to<T>(value / total);
    }
  }
}

}  // namespace

Status interpret_attention(const OpCall& call) {
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    if constexpr (kIsFloat<T>) {
      attend<T>(call);
      return {};
    } else {
      return Status(Code::invalid_argument, "attention needs a floating dtype");
    }
  });
}

}  // namespace leat::ir
