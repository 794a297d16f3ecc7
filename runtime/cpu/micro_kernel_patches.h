// The patches of an image as packed strips of columns, and when an absent element may be a zero.
//
// Included only by micro_kernel*.cpp. The meaning skips absent elements: the accumulator stays. Multiplying
// by a zero instead is the same unless the weight is not finite (0 * inf is NaN) or the accumulator is -0 (it
// would become +0). From +0 an accumulator gets to -0 only by rounding, where a product has bits below the
// least subnormal. So a strip is `guarded` (its tiles select by a mask) only where x is not finite, or where
// ulp(least |x|) * ulp(least |y|), seen so far in this strip, is less than that.
#pragma once

#include "runtime/cpu/micro_kernel.h"
#include "runtime/cpu/micro_kernel_pack.h"
#include "runtime/cpu/micro_kernel_tile.h"

namespace leat::runtime::cpu {

/// The exponent of the unit in the last place of the least nonzero magnitude, and whether all are finite.
template <class L>
struct MagnitudeScan {
  using T = typename L::T;
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  static constexpr int kMantissa = sizeof(T) == 8 ? 52 : 23;
  static constexpr int kLeastExponent = sizeof(T) == 8 ? -1074 : -149;
  static constexpr Bits kMagnitude = ~Bits(0) >> 1;
  static constexpr Bits kInfinity = kMagnitude >> kMantissa << kMantissa;

  Bits least = kMagnitude;  // less one, so that zero counts as the greatest
  Bits greatest = 0;

  void Add(const T* p, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      Bits bits;
      __builtin_memcpy(&bits, p + i, sizeof(T));
      bits &= kMagnitude;
      greatest = bits > greatest ? bits : greatest;
      const Bits less_one = (bits - 1) & kMagnitude;
      least = less_one < least ? less_one : least;
    }
  }
  Magnitudes result() const {
    Magnitudes m;
    m.finite = greatest < kInfinity;
    if (least != kMagnitude) {
      const int exponent = static_cast<int>((least + 1) >> kMantissa);
      m.ulp_exponent = (exponent > 0 ? exponent - 1 : 0) + kLeastExponent;
    }
    return m;
  }
};

/// Packs strips of patches. Owned by one call; `offsets` has room for the tile's columns.
template <class L, class S>
class PatchPacker {
 public:
  using T = typename L::T;
  static constexpr int kW = kTileColumns<L>;

  PatchPacker(const Patches& patches, const S* image) : p_(patches), image_(image) {
    kernel_size_ = p_.kernel[0] * p_.kernel[1] * p_.kernel[2];
    channel_stride_ = p_.input[0] * p_.input[1] * p_.input[2];
  }

  /// Places the strip at output positions [first, first + columns).
  void Place(std::int64_t first, int columns) {
    columns_ = columns;
    for (int j = 0; j < columns; ++j) {
      std::int64_t rest = first + j;
      for (int d = 2; d >= 0; --d) {
        origin_[d][j] = (rest % p_.output[d]) * p_.strides[d] - p_.low[d];
        rest /= p_.output[d];
      }
    }
  }

  /// Rows [begin, begin + count) of the placed strip; at `mask`, unless null, ones where an element is
  /// present. Returns whether any is absent.
  bool Pack(std::int64_t begin, std::int64_t count, T* d, [[maybe_unused]] T* mask) {
    bool absent = false;
    // Kernel positions outside, channels inside: the places in the image are found once per position.
    const std::int64_t positions = count < kernel_size_ ? count : kernel_size_;
    for (std::int64_t q = 0; q < positions; ++q) {
      const bool contiguous = Locate((begin + q) % kernel_size_);
      absent |= absent_;
      for (std::int64_t i = q; i < count; i += kernel_size_) {
        const S* channel = image_ + (begin + i) / kernel_size_ * channel_stride_;
        T* row = d + i * kW;
        if (contiguous) {
          widen<L>(channel + offsets_[0], row, kW);
        } else {
          for (int j = 0; j < kW; ++j) {
            if (offsets_[j] >= 0) {
              widen<L>(channel + offsets_[j], row + j, 1);
            } else {
              row[j] = T(0);
            }
          }
        }
        if constexpr (L::kGuards) {
          if (mask == nullptr) continue;
          for (int j = 0; j < kW; ++j) mask[i * kW + j] = L::lane_mask(offsets_[j] >= 0);
        }
      }
    }
    return absent;
  }

 private:
  /// Finds the elements at a kernel position; whether they are adjacent, all there.
  bool Locate(std::int64_t position) {
    std::int64_t shift[3];
    for (int d = 2; d >= 0; --d) {
      shift[d] = position % p_.kernel[d] * p_.dilation[d];
      position /= p_.kernel[d];
    }
    bool contiguous = columns_ == kW;
    absent_ = false;
    for (int j = 0; j < columns_; ++j) {
      std::int64_t offset = 0;
      for (int d = 0; d < 3; ++d) {
        std::int64_t at = origin_[d][j] + shift[d];
        const std::int64_t step = p_.input_dilation[d];
        bool present = at >= 0;
        if (step != 1) {
          present = present && at % step == 0;
          at /= step;
        }
        present = present && at < p_.input[d];
        if (!present) {
          offset = -1;
          break;
        }
        offset = offset * p_.input[d] + at;
      }
      offsets_[j] = offset;
      absent_ |= offset < 0;
      contiguous = contiguous && offset >= 0 && offset == offsets_[0] + j;
    }
    for (int j = columns_; j < kW; ++j) offsets_[j] = -1;
    return contiguous;
  }

  const Patches& p_;
  const S* image_;
  std::int64_t kernel_size_, channel_stride_;
  int columns_ = 0;
  bool absent_ = false;
  std::int64_t origin_[3][kW];
  std::int64_t offsets_[kW];
};

}  // namespace leat::runtime::cpu
