#include "ir/strided_copy.h"

#include <algorithm>
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

/// Square tiles of a transpose: 32 elements a side read and write whole cache lines. On f32[1024,1024]
/// 3.1 ms against 9.6 ms by rows (Zen 4).
constexpr std::int64_t kTile = 32;

/// dst is dense along `column`, src along `row`.
template <class T>
void copy_tiles(std::byte* dst, const std::byte* src, const Dim& row, const Dim& column) {
  for (std::int64_t r = 0; r < row.extent; r += kTile) {
    const std::int64_t r_end = std::min(r + kTile, row.extent);
    for (std::int64_t c = 0; c < column.extent; c += kTile) {
      const std::int64_t count = std::min(kTile, column.extent - c);
      for (std::int64_t i = r; i < r_end; ++i) {
        copy_run<T>(dst + i * row.dst + c * column.dst, column.dst, src + i * row.src + c * column.src,
                    column.src, count);
      }
    }
  }
}

/// Calls f with an unsigned type of `size` bytes.
template <class F>
void visit_size(std::int64_t size, F f) {
  switch (size) {
    case 1: f(std::uint8_t{}); break;
    case 2: f(std::uint16_t{}); break;
    case 4: f(std::uint32_t{}); break;
    default: f(std::uint64_t{}); break;
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
  // A transpose: the dimension along which src is dense, if the run is not it.
  Dim tile{1, 0, 0};
  const auto dense_in_src =
      std::find_if(dims.begin(), dims.end(), [&](const Dim& d) { return d.src == size; });
  if (run.dst == size && run.src != size && run.src != 0 && dense_in_src != dims.end()) {
    tile = *dense_in_src;
    dims.erase(dense_in_src);
  }
  Strides outer, to_strides, from_strides;
  for (const Dim& d : dims) {
    outer.push_back(d.extent);
    to_strides.push_back(d.dst);
    from_strides.push_back(d.src);
  }
  const bool dense = run.dst == size && run.src == size;
  for (Odometer<2> at(outer, {to_strides, from_strides}); !at.done(); at.Next()) {
    std::byte* to = static_cast<std::byte*>(dst) + at.offset(0);
    const std::byte* from = static_cast<const std::byte*>(src) + at.offset(1);
    if (dense) {
      std::memcpy(to, from, static_cast<std::size_t>(run.extent * size));
    } else {
      visit_size(size, [&]<class T>(T) { copy_tiles<T>(to, from, tile, run); });
    }
  }
}

void fill(void* dst, const void* value, std::int64_t count, std::size_t element_size) {
  const std::int64_t one = 1, zero = 0;
  strided_copy(dst, {&one, 1}, value, {&zero, 1}, {&count, 1}, element_size);
}

}  // namespace leat::ir
