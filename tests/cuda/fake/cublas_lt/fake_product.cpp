#include "tests/cuda/fake/cublas_lt/fake_product.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "leat/dtype.h"

namespace leat::fake_cuda {

using namespace runtime::cuda;  // NOLINT: the names of the interface that is played

namespace {

std::size_t bytes_of(LtDataType type) {
  switch (type) {
    case kLtF32: return 4;
    case kLtF64: return 8;
    case kLtF16:
    case kLtBf16: return 2;
  }
  return 0;
}

void write_element(LtDataType type, std::byte* at, double value) {
  const auto store = [&](auto element) { std::memcpy(at, &element, sizeof element); };
  switch (type) {
    case kLtF32: store(static_cast<float>(value)); break;
    case kLtF64: store(value); break;
    case kLtF16: store(float16(static_cast<float>(value))); break;
    case kLtBf16: store(bfloat16(static_cast<float>(value))); break;
  }
}

double after_sum(std::uint32_t epilogue, double x) {
  if ((epilogue & kLtEpilogueRelu) != 0) return std::max(x, 0.0);
  if ((epilogue & kLtEpilogueGelu) == 0) return x;
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

/// 10 bits of mantissa, as TF32 has.
double round_to_tf32(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
}

}  // namespace

std::int64_t Layout::bytes() const {
  const std::int64_t one = (columns - 1) * leading + rows;
  return ((batch - 1) * batch_stride + one) * static_cast<std::int64_t>(bytes_of(type));
}

double read_element(LtDataType type, const std::byte* at) {
  const auto load = [&](auto zero) {
    std::memcpy(&zero, at, sizeof zero);
    return zero;
  };
  switch (type) {
    case kLtF32: return static_cast<double>(load(0.0f));
    case kLtF64: return load(0.0);
    case kLtF16: return static_cast<double>(static_cast<float>(load(float16{})));
    case kLtBf16: return static_cast<double>(static_cast<float>(load(bfloat16{})));
  }
  return 0;
}

std::string Product::Check() const {
  const std::int64_t am = desc.transpose_a ? a.columns : a.rows;
  const std::int64_t bk = desc.transpose_b ? b.columns : b.rows, bn = desc.transpose_b ? b.rows : b.columns;
  if (am != m() || bk != k() || bn != n()) return "the extents do not fit each other";
  if (a.batch != b.batch || a.batch != d.batch) return "the batches do not fit each other";
  if (a.type != b.type || a.type != d.type) return "the types do not fit each other";
  const bool wide = a.type == kLtF64;
  if (desc.scale != (wide ? kLtF64 : kLtF32)) return "the scalars have another type";
  const bool tf32 = desc.compute == kLtCompute32FFastTf32 && a.type == kLtF32;
  if (wide ? desc.compute != kLtCompute64F : desc.compute != kLtCompute32F && !tf32)
    return "the type of computation does not go with that of the operands";
  const std::uint32_t activation = desc.epilogue & ~kLtEpilogueBias;
  if (desc.epilogue != kLtEpilogueDefault && activation != 0 && activation != kLtEpilogueRelu &&
      activation != kLtEpilogueGelu) {
    return "there is no such epilogue";
  }
  if (desc.has_bias() != (desc.bias != 0))
    return desc.has_bias() ? "a bias without an address" : "a bias that the epilogue does not add";
  for (const Layout& l : {a, b, d}) {
    if (l.rows <= 0 || l.columns <= 0 || l.batch <= 0) return "an extent is not positive";
    if (l.leading < l.rows) return "a leading dimension is less than the rows";
  }
  if (d.batch > 1 && d.batch_stride < d.leading * d.columns) return "the results overlap";
  return "";
}

std::uint64_t Product::Key() const {
  std::uint64_t key = 1469598103934665603u;
  for (const std::int64_t part :
       {std::int64_t{desc.compute}, std::int64_t{desc.scale}, std::int64_t{desc.transpose_a},
        std::int64_t{desc.transpose_b}, std::int64_t{desc.epilogue}, std::int64_t{a.type}, a.rows, a.columns,
        a.leading, a.batch, a.batch_stride, b.rows, b.columns, b.leading, b.batch_stride, d.rows, d.columns,
        d.leading, d.batch_stride}) {
    key = (key ^ static_cast<std::uint64_t>(part)) * 1099511628211u;
  }
  return key;
}

std::int64_t Product::bias_bytes() const { return m() * static_cast<std::int64_t>(bytes_of(d.type)); }

void Product::Multiply(const std::byte* x, const std::byte* y, const std::byte* bias, const std::byte* c,
                       std::byte* out) const {
  const auto size = static_cast<std::int64_t>(bytes_of(a.type));
  const bool tf32 = desc.compute == kLtCompute32FFastTf32;
  const auto element = [&](const std::byte* from, const Layout& l, std::int64_t g, std::int64_t row,
                           std::int64_t column, bool transposed) {
    if (transposed) std::swap(row, column);
    const double value = read_element(l.type, from + size * (g * l.batch_stride + column * l.leading + row));
    return tf32 ? round_to_tf32(value) : value;
  };
  for (std::int64_t g = 0; g < d.batch; ++g) {
    for (std::int64_t j = 0; j < n(); ++j) {
      for (std::int64_t i = 0; i < m(); ++i) {
        double sum = 0;
        for (std::int64_t l = 0; l < k(); ++l) {
          sum += element(x, a, g, i, l, desc.transpose_a) * element(y, b, g, l, j, desc.transpose_b);
        }
        const std::int64_t at = size * (g * d.batch_stride + j * d.leading + i);
        if (c != nullptr) sum += read_element(d.type, c + at);
        if (bias != nullptr) sum += read_element(d.type, bias + size * i);
        write_element(d.type, out + at, after_sum(desc.epilogue, sum));
      }
    }
  }
}

}  // namespace leat::fake_cuda
