// Convolution of few output channels (depthwise, above all) without patches: whole rows at a time.
//
// Included only by micro_kernel*.cpp; see micro_kernel_tile.h about `L`. The sums of the output positions
// stand in scratch; each weight in turn is multiplied with the rows that it meets. What is absent is never
// touched, so nothing needs a guard.
#pragma once

#include "runtime/cpu/micro_kernel_pack.h"
#include "runtime/cpu/micro_kernel_patches.h"

namespace leat::runtime::cpu {

template <class L, class S>
class PlaneConvolution {
 public:
  using T = typename L::T;

  explicit PlaneConvolution(const Block& b) : b_(b), p_(*b.patches) {
    kernel_size_ = p_.kernel[0] * p_.kernel[1] * p_.kernel[2];
    plane_ = p_.input[0] * p_.input[1] * p_.input[2];
  }

  void Run() {
    const std::int64_t widened = std::is_same_v<S, T> ? 0 : plane_;
    sums_ = reinterpret_cast<T*>(thread_scratch((b_.n + widened) * static_cast<std::int64_t>(sizeof(T))));
    [[maybe_unused]] T* copy = sums_ + b_.n;
    for (std::int64_t m = 0; m < b_.m; ++m) {
      const S* weights = static_cast<const S*>(b_.x) + m * b_.x_m_stride;
      for (std::int64_t j = 0; j < b_.n; ++j) sums_[j] = T(0);
      for (std::int64_t k = 0; k < b_.k; k += kernel_size_) {
        const S* channel = static_cast<const S*>(b_.y) + k / kernel_size_ * plane_;
        const T* x;
        if constexpr (std::is_same_v<S, T>) {
          x = channel;
        } else {
          widen<L>(channel, copy, plane_);
          x = copy;
        }
        for (std::int64_t t = 0; t < kernel_size_; ++t) {
          T weight;
          widen<L>(weights + (k + t) * b_.x_k_stride, &weight, 1);
          Tap(t, weight, x);
        }
      }
      narrow<L>(sums_, static_cast<S*>(b_.out) + m * b_.out_stride, b_.n);
    }
  }

 private:
  /// Where position `out` of dimension d reads at kernel position t, or -1.
  std::int64_t Place(int d, std::int64_t out, std::int64_t t) const {
    const std::int64_t at = out * p_.strides[d] - p_.low[d] + t * p_.dilation[d];
    if (at < 0 || at % p_.input_dilation[d] != 0) return -1;
    return at / p_.input_dilation[d] < p_.input[d] ? at / p_.input_dilation[d] : -1;
  }

  /// One kernel position over all rows of the block's positions.
  void Tap(std::int64_t t, T weight, const T* x) {
    const std::int64_t t2 = t % p_.kernel[2], t1 = t / p_.kernel[2] % p_.kernel[1];
    const std::int64_t t0 = t / (p_.kernel[2] * p_.kernel[1]);
    const std::int64_t width = p_.output[2];
    for (std::int64_t done = 0; done < b_.n;) {
      const std::int64_t position = b_.first_column + done, row = position / width;
      const std::int64_t begin = position % width;
      const std::int64_t count = b_.n - done < width - begin ? b_.n - done : width - begin;
      const std::int64_t x0 = Place(0, row / p_.output[1], t0), x1 = Place(1, row % p_.output[1], t1);
      if (x0 >= 0 && x1 >= 0) {
        Row(weight, x + (x0 * p_.input[1] + x1) * p_.input[2], t2, begin, count, sums_ + done);
      }
      done += count;
    }
  }

  void Row(T weight, const T* x, std::int64_t t, std::int64_t begin, std::int64_t count, T* sums) {
    const std::int64_t stride = p_.strides[2], shift = t * p_.dilation[2] - p_.low[2];
    if (p_.input_dilation[2] != 1) {
      for (std::int64_t j = 0; j < count; ++j) {
        const std::int64_t at = Place(2, begin + j, t);
        if (at >= 0) sums[j] = multiply_add(x[at], weight, sums[j]);
      }
      return;
    }
    std::int64_t first = 0, last = count;  // the positions whose element is there
    while (first < last && (begin + first) * stride + shift < 0) ++first;
    while (last > first && (begin + last - 1) * stride + shift >= p_.input[2]) --last;
    const T* from = x + (begin + first) * stride + shift;
    if (stride != 1) {
      for (std::int64_t j = first; j < last; ++j, from += stride) {
        sums[j] = multiply_add(*from, weight, sums[j]);
      }
      return;
    }
    const typename L::V w = L::set(weight);
    std::int64_t j = first;
    for (; j + L::kLanes <= last; j += L::kLanes, from += L::kLanes) {
      L::store(sums + j, L::fma(L::load(from), w, L::load(sums + j)));
    }
    if (j < last) {
      const typename L::Mask mask = L::mask(static_cast<int>(last - j));
      L::store_masked(sums + j, L::fma(L::load_masked(from, mask), w, L::load_masked(sums + j, mask)), mask);
    }
  }

  static T multiply_add(T a, T b, T c) {
    if constexpr (std::is_same_v<T, float>) {
      return __builtin_fmaf(a, b, c);
    } else if constexpr (std::is_same_v<T, double>) {
      return __builtin_fma(a, b, c);
    } else {
      return a * b + c;
    }
  }

  const Block& b_;
  const Patches& p_;
  std::int64_t kernel_size_, plane_;
  T* sums_ = nullptr;
};

}  // namespace leat::runtime::cpu
