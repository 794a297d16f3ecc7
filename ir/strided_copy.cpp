#include "ir/strided_copy.h"

#include <cstring>

namespace leat::ir {
namespace {

/// One dimension of a copy, in bytes.
struct Dim {
  std::int64_t extent, dst, src;
};

template <class T>
void copy_run(std::byte* dst, std::int64_t dst_stride, const std::byte* src, std::int64_t src_stride,
              std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    T t;
    std::memcpy(&t, src + i * src_stride, sizeof(T));
    std::memcpy(dst + i * dst_stride, &t, sizeof(T));
  }
}

/// Outermost first: dimensions of extent 1 dropped, and neighbours that walk on in both arrays merged.
absl::InlinedVector<Dim, 6> collapse(std::span<const std::int64_t> extents,
                                     std::span<const std::int64_t> dst_strides,
                                     std::span<const std::int64_t> src_strides, std::int64_t size) {
  absl::InlinedVector<Dim, 6> dims;
  for (std::size_t d = 0; d < extents.size(); ++d) {
    if (extents[d] == 1) continue;
    const Dim dim{extents[d], dst_strides[d] * size, src_strides[d] * size};
    if (!dims.empty() && dims.back().dst == dim.dst * dim.extent && dims.back().src == dim.src * dim.extent) {
      dims.back() = {dims.back().extent * dim.extent, dim.dst, dim.src};
    } else {
      dims.push_back(dim);
    }
  }
  return dims;
}

}  // namespace

Strides row_major_strides(std::span<const std::int64_t> dims) {
  Strides strides(dims.size());
  std::int64_t step = 1;
  for (std::size_t d = dims.size(); d-- > 0;) {
    strides[d] = step;
    step *= dims[d];
  }
  return strides;
}

std::int64_t product(std::span<const std::int64_t> dims, std::size_t begin, std::size_t end) {
  std::int64_t n = 1;
  for (std::size_t d = begin; d < end; ++d) n *= dims[d];
  return n;
}

void strided_copy(void* dst, std::span<const std::int64_t> dst_strides, const void* src,
                  std::span<const std::int64_t> src_strides, std::span<const std::int64_t> extents,
                  std::size_t element_size) {
  for (std::int64_t e : extents) {
    if (e == 0) return;
  }
  const auto size = static_cast<std::int64_t>(element_size);
  absl::InlinedVector<Dim, 6> dims = collapse(extents, dst_strides, src_strides, size);
  Dim run{1, size, size};
  if (!dims.empty()) {
    run = dims.back();
    dims.pop_back();
  }
  auto* to = static_cast<std::byte*>(dst);
  const auto* from = static_cast<const std::byte*>(src);
  Strides outer, to_strides, from_strides;
  for (const Dim& d : dims) {
    outer.push_back(d.extent);
    to_strides.push_back(d.dst);
    from_strides.push_back(d.src);
  }
  const bool dense = run.dst == size && run.src == size;
  for (Odometer<2> at(outer, {to_strides, from_strides}); !at.done(); at.Next()) {
    std::byte* t = to + at.offset(0);
    const std::byte* f = from + at.offset(1);
    if (dense) {
      std::memcpy(t, f, static_cast<std::size_t>(run.extent * size));
    } else if (size == 1) {
      copy_run<std::uint8_t>(t, run.dst, f, run.src, run.extent);
    } else if (size == 2) {
      copy_run<std::uint16_t>(t, run.dst, f, run.src, run.extent);
    } else if (size == 4) {
      copy_run<std::uint32_t>(t, run.dst, f, run.src, run.extent);
    } else {
      copy_run<std::uint64_t>(t, run.dst, f, run.src, run.extent);
    }
  }
}

void fill(void* dst, const void* value, std::int64_t count, std::size_t element_size) {
  const std::int64_t one = 1, zero = 0;
  strided_copy(dst, {&one, 1}, value, {&zero, 1}, {&count, 1}, element_size);
}

}  // namespace leat::ir
