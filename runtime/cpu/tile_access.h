// How a kernel's access moves over a linear index space, and moving elements through it.
//
// The index space is a row-major domain of some dimensions; a LinearAccess has them merged where the access
// allows it, so that the usual dense access is one dimension of stride 1. Plain data over storage that the
// caller keeps; any thread.
//
//   LinearAccess a = merge_access(offset, strides, sizes, 2, storage);   // storage: room for 2 * 2 numbers
//   read_access(a, base, 4, 512, 100, tile);                             // elements 512..611 of 4 bytes
#pragma once

#include <cstdint>

namespace leat::runtime::cpu {

struct LinearAccess {
  std::int64_t offset = 0;  // in elements
  int rank = 0;             // merged dimensions, at least 1
  const std::int64_t* sizes = nullptr;
  const std::int64_t* strides = nullptr;

  /// Index i is at offset + i; or always at offset.
  bool dense() const { return rank == 1 && strides[0] == 1; }
  bool uniform() const { return rank == 1 && strides[0] == 0; }
};

/// Writes the merged dimensions to storage[0 .. 2 * rank). REQUIRES: rank >= 1.
LinearAccess merge_access(std::int64_t offset, const std::int64_t* strides, const std::int64_t* sizes,
                          int rank, std::int64_t* storage);

/// to[j] = base[offset of index begin + j], of elements of `bytes` (1, 2, 4 or 8).
void read_access(const LinearAccess& access, const void* base, int bytes, std::int64_t begin,
                 std::int64_t count, void* to);
/// base[offset of index begin + j] = from[j].
void write_access(const LinearAccess& access, void* base, int bytes, std::int64_t begin, std::int64_t count,
                  const void* from);
/// to[j] = the offset of index begin + j itself.
void index_access(const LinearAccess& access, std::int64_t begin, std::int64_t count, std::int64_t* to);

/// to[j] = *value for all of count.
void fill(const void* value, int bytes, std::int64_t count, void* to);
/// Each of `count` elements `times` in a row; or the whole run of them `times` in a row.
void repeat_each(const void* from, int bytes, std::int64_t count, std::int64_t times, void* to);
void repeat_run(const void* from, int bytes, std::int64_t count, std::int64_t times, void* to);

}  // namespace leat::runtime::cpu
