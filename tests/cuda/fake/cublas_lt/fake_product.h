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
  std::uint32_t epilogue = runtime::cuda::kLtEpilogueDefault;
  std::uint64_t bias = 0;  // its address
  bool has_bias() const { return (epilogue & runtime::cuda::kLtEpilogueBias) != 0; }
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
  /// `bias` of D's rows where the epilogue has one; `c`, which is laid out as D, or null.
  void Multiply(const std::byte* x, const std::byte* y, const std::byte* bias, const std::byte* c,
                std::byte* out) const;
  std::int64_t bias_bytes() const;
};

/// The element at an address.
double read_element(runtime::cuda::LtDataType type, const std::byte* at);

}  // namespace leat::fake_cuda
