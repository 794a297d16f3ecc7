#include "runtime/cpu/tile_access.h"

#include <algorithm>
#include <cstring>

namespace leat::runtime::cpu {
namespace {

/// Calls f with the unsigned type of `bytes` bytes.
template <class F>
void visit_width(int bytes, F&& f) {
  switch (bytes) {
    case 1: f(std::uint8_t{}); break;
    case 2: f(std::uint16_t{}); break;
    case 4: f(std::uint32_t{}); break;
    default: f(std::uint64_t{}); break;
  }
}

/// Calls segment(offset, stride, count) for each stretch of the minor-most dimension in [begin, begin +
/// count).
template <class F>
void walk(const LinearAccess& a, std::int64_t begin, std::int64_t count, F&& segment) {
  if (count <= 0) return;
  const int last = a.rank - 1;
  if (last == 0) {
    segment(a.offset + begin * a.strides[0], a.strides[0], count);
    return;
  }
  std::int64_t index[256];  // a kernel's rank is at most 256
  std::int64_t at = a.offset, rest = begin;
  for (int d = last; d >= 0; --d) {
    index[d] = d == 0 ? rest : rest % a.sizes[d];
    rest /= a.sizes[d];
    at += index[d] * a.strides[d];
  }
  const std::int64_t inner = a.sizes[last], stride = a.strides[last];
  for (;;) {
    const std::int64_t n = std::min(count, inner - index[last]);
    segment(at, stride, n);
    count -= n;
    if (count == 0) return;
    at -= index[last] * stride;
    index[last] = 0;
    for (int d = last - 1; d >= 0; --d) {
      at += a.strides[d];
      if (++index[d] < a.sizes[d] || d == 0) break;
      at -= index[d] * a.strides[d];
      index[d] = 0;
    }
  }
}

}  // namespace

LinearAccess merge_access(std::int64_t offset, const std::int64_t* strides, const std::int64_t* sizes,
                          int rank, std::int64_t* storage) {
  std::int64_t* merged_sizes = storage;
  std::int64_t* merged_strides = storage + rank;
  // From the minor-most dimension outwards, kept at the end of the storage.
  int first = rank;
  for (int d = rank - 1; d >= 0; --d) {
    if (sizes[d] == 1) continue;
    if (first < rank && strides[d] == merged_strides[first] * merged_sizes[first]) {
      merged_sizes[first] *= sizes[d];
    } else {
      --first;
      merged_sizes[first] = sizes[d];
      merged_strides[first] = strides[d];
    }
  }
  if (first == rank) {  // one element
    --first;
    merged_sizes[first] = 1;
    merged_strides[first] = 0;
  }
  return {offset, rank - first, merged_sizes + first, merged_strides + first};
}

void read_access(const LinearAccess& access, const void* base, int bytes, std::int64_t begin,
                 std::int64_t count, void* to) {
  visit_width(bytes, [&]<class U>(U) {
    const U* from = static_cast<const U*>(base);
    U* out = static_cast<U*>(to);
    walk(access, begin, count, [&](std::int64_t at, std::int64_t stride, std::int64_t n) {
      if (stride == 1) {
        std::memcpy(out, from + at, static_cast<std::size_t>(n) * sizeof(U));
      } else if (stride == 0) {
        std::fill_n(out, n, from[at]);
      } else {
        for (std::int64_t j = 0; j < n; ++j) out[j] = from[at + j * stride];
      }
      out += n;
    });
  });
}

void write_access(const LinearAccess& access, void* base, int bytes, std::int64_t begin, std::int64_t count,
                  const void* from) {
  visit_width(bytes, [&]<class U>(U) {
    U* out = static_cast<U*>(base);
    const U* in = static_cast<const U*>(from);
    walk(access, begin, count, [&](std::int64_t at, std::int64_t stride, std::int64_t n) {
      if (stride == 1) {
        std::memcpy(out + at, in, static_cast<std::size_t>(n) * sizeof(U));
      } else {
        for (std::int64_t j = 0; j < n; ++j) out[at + j * stride] = in[j];
      }
      in += n;
    });
  });
}

void index_access(const LinearAccess& access, std::int64_t begin, std::int64_t count, std::int64_t* to) {
  walk(access, begin, count, [&](std::int64_t at, std::int64_t stride, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) to[j] = at + j * stride;
    to += n;
  });
}

void fill(const void* value, int bytes, std::int64_t count, void* to) {
  visit_width(bytes, [&]<class U>(U) {
    U element;
    std::memcpy(&element, value, sizeof(U));
    std::fill_n(static_cast<U*>(to), count, element);
  });
}

void repeat_each(const void* from, int bytes, std::int64_t count, std::int64_t times, void* to) {
  visit_width(bytes, [&]<class U>(U) {
    const U* in = static_cast<const U*>(from);
    U* out = static_cast<U*>(to);
    for (std::int64_t i = 0; i < count; ++i) {
      const U element = in[i];
      for (std::int64_t t = 0; t < times; ++t) out[t] = element;
      out += times;
    }
  });
}

void repeat_run(const void* from, int bytes, std::int64_t count, std::int64_t times, void* to) {
  const std::size_t run = static_cast<std::size_t>(count) * static_cast<std::size_t>(bytes);
  std::byte* out = static_cast<std::byte*>(to);
  for (std::int64_t t = 0; t < times; ++t, out += run) std::memcpy(out, from, run);
}

}  // namespace leat::runtime::cpu
