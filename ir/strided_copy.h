// Walking dense arrays: row-major strides, an odometer, and the one strided copy behind every view.
//
// Strides count elements and may be 0 (repeat) or negative (reverse). All index arithmetic is 64-bit.
// Nothing here is shared; any thread.
//
//   strided_copy(dst, row_major_strides({3, 2}), src, Strides{1, 3}, {3, 2}, 4);   // a transpose
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"
#include "ir/extents.h"

namespace leat::ir {

using Strides = absl::InlinedVector<std::int64_t, 6>;

Strides row_major_strides(std::span<const std::int64_t> dims);

/// dst[sum of i_d * dst_strides[d]] = src[sum of i_d * src_strides[d]] for every index i below `extents`.
/// REQUIRES: element_size is 1, 2, 4 or 8; the three spans are of one length; dst and src do not overlap.
void strided_copy(void* dst, std::span<const std::int64_t> dst_strides, const void* src,
                  std::span<const std::int64_t> src_strides, std::span<const std::int64_t> extents,
                  std::size_t element_size);

/// Fills `count` elements with the one at `value`.
void fill(void* dst, const void* value, std::int64_t count, std::size_t element_size);

/// Visits every index below `extents` in row-major order, and keeps one offset per set of strides.
///
///   for (Odometer<2> at(extents, {xs, ys}); !at.done(); at.Next()) y[at.offset(1)] = x[at.offset(0)];
template <int N>
class Odometer {
 public:
  Odometer(std::span<const std::int64_t> extents, std::array<std::span<const std::int64_t>, N> strides)
      : extents_(extents), strides_(strides), index_(extents.size(), 0) {
    for (std::int64_t e : extents) done_ = done_ || e == 0;
  }
  bool done() const { return done_; }
  std::span<const std::int64_t> index() const { return index_; }
  std::int64_t offset(int k) const { return offsets_[static_cast<std::size_t>(k)]; }
  void Next() {
    for (std::size_t d = index_.size(); d-- > 0;) {
      for (std::size_t k = 0; k < N; ++k) offsets_[k] += strides_[k][d];
      if (++index_[d] < extents_[d]) return;
      for (std::size_t k = 0; k < N; ++k) offsets_[k] -= strides_[k][d] * extents_[d];
      index_[d] = 0;
    }
    done_ = true;
  }

 private:
  std::span<const std::int64_t> extents_;
  std::array<std::span<const std::int64_t>, N> strides_;
  std::array<std::int64_t, N> offsets_{};
  Strides index_;
  bool done_ = false;
};

}  // namespace leat::ir
