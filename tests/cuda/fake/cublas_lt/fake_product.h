// A product as it is described to the fake of cuBLASLt: checked, and computed.
#pragma once

#include <string>

#include "runtime/cuda/cublas_lt_abi.h"

namespace leat::fake_cuda {

struct Layout {
  runtime::cuda::LtDataType type;
  std::int64_t rows, columns, leading, batch = 1, batch_stride = 0;
  /// From the first element to the end of the last.
  std::int64_t bytes() const;
};
struct Desc {
  runtime::cuda::LtComputeType compute;
  runtime::cuda::LtDataType scale;
  bool transpose_a = false, transpose_b = false;
};

struct Product {
  Desc desc;
  Layout a, b, d;
  std::int64_t m() const { return d.rows; }
  std::int64_t n() const { return d.columns; }
  std::int64_t k() const { return desc.transpose_a ? a.rows : a.columns; }
  /// What is wrong with it, or "".
  std::string Check() const;
  /// What an algorithm is chosen for.
  std::uint64_t Key() const;
  void Multiply(const std::byte* x, const std::byte* y, std::byte* out) const;
};

/// The element at an address.
double read_element(runtime::cuda::LtDataType type, const std::byte* at);

}  // namespace leat::fake_cuda
