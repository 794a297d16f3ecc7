// The loops of the micro-kernel around its tiles: which operands are packed, and the blocking for caches.
//
// Included only by micro_kernel*.cpp; see micro_kernel_tile.h about `L`. `S` is the storage type. Where it
// is narrower than the compute type, accumulators live in scratch between blocks of k and are
// rounded once, after the last.
#pragma once

#include "runtime/cpu/micro_kernel_patches.h"
#include "runtime/cpu/micro_kernel_plane.h"
#include "runtime/cpu/micro_kernel_tile.h"

namespace leat::runtime::cpu {

static constexpr std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
static constexpr std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

template <class L, class S>
struct BlockProduct {
  using T = typename L::T;
  static constexpr bool kSame = std::is_same_v<S, T>;
  static constexpr int kW = kTileColumns<L>;
  /// Building patches for so few rows takes longer than the products (256 channels of 56 x 56, depthwise 3 x
  /// 3: 44 ms with patches).
  static constexpr std::int64_t kPlaneRows = 4;
  static constexpr std::int64_t kStreamBytes = 32 << 10, kStreamRows = 8;
  static constexpr std::int64_t kAccumulatorElements = 1 << 19;  // 2 MB of f32
  static constexpr std::int64_t kAccumulatorRows = 2048 / L::kRows * L::kRows;

  static const S* x(const Block& b) { return static_cast<const S*>(b.x); }
  static const S* y(const Block& b) { return static_cast<const S*>(b.y); }
  static S* out(const Block& b) { return static_cast<S*>(b.out); }

  static void Multiply(const Block& b) {
    if (b.m == 0 || b.n == 0) return;
    if (b.k == 0) {
      for (std::int64_t i = 0; i < b.m; ++i) {
        for (std::int64_t j = 0; j < b.n; ++j) out(b)[i * b.out_stride + j] = S();
      }
      return;
    }
    if (b.patches != nullptr && b.m <= kPlaneRows) return PlaneConvolution<L, S>(b).Run();
    const bool aligned = reinterpret_cast<std::uintptr_t>(b.y) % alignof(S) == 0;
    const bool in_place = b.packed_x == nullptr && b.packed_y == nullptr && b.patches == nullptr && aligned;
    if constexpr (kSame) {
      if (in_place) {
        if (b.n == 1 && b.x_m_stride == 1 && b.x_k_stride != 1 && b.out_stride == 1)
          return Direct(Swapped(b));
        if (b.n == 1 || (b.y_n_stride == 1 && PreferDirect(b))) return Direct(b);
      }
      return Packed(b);
    } else {
      for (std::int64_t i = 0; i < b.m; i += kAccumulatorRows) {
        Block part = b;
        part.m = least(b.m - i, kAccumulatorRows);
        part.out = out(b) + i * b.out_stride;
        if (b.packed_x == nullptr) {
          part.x = x(b) + i * b.x_m_stride;
        } else {
          part.packed_x_first_row = b.packed_x_first_row + i;
        }
        Packed(part);
      }
    }
  }

  /// A column times a matrix is a row times its transpose.
  static Block Swapped(const Block& b) {
    Block s = b;
    s.m = 1;
    s.n = b.m;
    s.x = b.y;
    s.x_m_stride = 0;
    s.x_k_stride = b.y_k_stride;
    s.y = b.x;
    s.y_k_stride = b.x_k_stride;
    s.y_n_stride = 1;
    s.out_stride = b.m;
    return s;
  }

  /// Packing y pays where each element is used by many rows, or where y does not stay in the L1 cache.
  static bool PreferDirect(const Block& b) {
    return b.m <= L::kDirectRows || b.k * b.n * static_cast<std::int64_t>(sizeof(T)) <= L::kDirectBytes;
  }

  static void Direct(const Block& b) {
    // A y beyond the L1 cache is streamed: a few rows at a time, all columns, so that the lines in use fit
    // the ways of one set even where rows are a power of two apart.
    const bool stream = b.n > 1 && b.k * b.n * static_cast<std::int64_t>(sizeof(T)) > kStreamBytes;
    const std::int64_t k_block = !stream ? b.k : b.m <= 2 ? kStreamRows : 4 * kStreamRows;
    for (std::int64_t k = 0; k < b.k; k += k_block) {
      DirectArguments<T> g{};
      g.k = least(b.k - k, k_block);
      g.a_row = b.x_m_stride;
      g.a_k = b.x_k_stride;
      g.b_k = b.y_k_stride;
      g.c_stride = b.out_stride;
      g.load = k != 0;
      const T* a = x(b) + k * b.x_k_stride;
      const T* y_rows = y(b) + k * b.y_k_stride;
      for (std::int64_t n = 0; n < b.n;) {
        const std::int64_t rest = b.n - n;
        const int vectors = b.m == 1 && rest > 4 * L::kLanes                     ? 8
                            : b.m <= Tiles<L>::kWideRows && rest > 2 * L::kLanes ? 4
                            : rest > L::kLanes                                   ? 2
                                                                                 : 1;
        const int columns = static_cast<int>(least(rest, vectors * L::kLanes));
        // The last vector is partial, and the ones before it full: else fewer vectors, and the rest next.
        const int full = (columns + L::kLanes - 1) / L::kLanes;
        const int used = full >= vectors ? vectors : full >= 4 ? 4 : full >= 2 ? 2 : 1;
        const int width = static_cast<int>(least(columns, used * L::kLanes));
        g.last = width - (used - 1) * L::kLanes;
        g.b = y_rows + n;
        const int most = used == 8   ? 1
                         : used == 4 ? Tiles<L>::kWideRows
                         : used == 2 ? Tiles<L>::kPairRows
                                     : Tiles<L>::kSingleRows;
        const std::int64_t tiles = (b.m + most - 1) / most;
        for (std::int64_t t = 0, m = 0; t < tiles; ++t) {
          const std::int64_t end = b.m * (t + 1) / tiles;
          g.a = a + m * b.x_m_stride;
          g.c = out(b) + m * b.out_stride + n;
          Tiles<L>::direct(static_cast<int>(end - m), used, g.last != L::kLanes)(g);
          m = end;
        }
        n += width;
      }
    }
  }

  static void Packed(const Block& b) {
    const std::int64_t k_block = least(b.k, L::kKBlock);
    const std::int64_t m_block = least(round_up(b.m, L::kRows), L::kMBlock);
    // With few rows y is used once: the packed part had better stay in the L2 cache.
    std::int64_t n_limit = b.m <= L::kDirectRows ? round_up(64, kW) : L::kNBlock;
    if (!kSame && b.m * n_limit > kAccumulatorElements) n_limit = round_up(kAccumulatorElements / b.m, kW);
    // Packed strips of y are streamed from further away, whatever their number; x is packed once for all.
    if (kSame && b.packed_y != nullptr) n_limit = round_up(b.n, kW);
    const std::int64_t n_block = least(round_up(b.n, kW), n_limit);
    const bool guard = L::kGuards && b.patches != nullptr && b.patches->padded;

    constexpr std::int64_t kAlign = 64 / static_cast<std::int64_t>(sizeof(T));
    const std::int64_t slack = kPackSlack / static_cast<std::int64_t>(sizeof(T));
    const std::int64_t x_elements = b.packed_x ? 0 : round_up(m_block * k_block + slack, kAlign);
    const std::int64_t y_elements = b.packed_y ? 0 : round_up(n_block * k_block + slack, kAlign);
    const std::int64_t mask_elements = guard ? y_elements : 0;
    const std::int64_t sum_elements = kSame ? 0 : b.m * n_block;
    T* scratch = reinterpret_cast<T*>(thread_scratch(
        (x_elements + y_elements + mask_elements + sum_elements) * static_cast<std::int64_t>(sizeof(T))));
    T* packed_x = scratch;
    T* packed_y = packed_x + x_elements;
    T* mask = guard ? packed_y + y_elements : nullptr;
    T* sums = packed_y + y_elements + mask_elements;

    for (std::int64_t n = 0; n < b.n; n += n_block) {
      const std::int64_t columns = least(b.n - n, n_block);
      T* c;
      std::int64_t c_stride;
      if constexpr (kSame) {
        c = out(b) + n;
        c_stride = b.out_stride;
      } else {
        c = sums;
        c_stride = n_block;
      }
      bool risk[L::kNBlock / kW] = {};
      bool guarded[L::kNBlock / kW] = {};
      for (std::int64_t k = 0; k < b.k; k += k_block) {
        const std::int64_t depth = least(b.k - k, k_block);
        const T* y_strips = packed_y;
        if (b.packed_y != nullptr) {
          y_strips = static_cast<const T*>(b.packed_y) + k * b.packed_columns + (b.first_column + n) * depth;
        } else if (b.patches != nullptr) {
          PackPatches(b, n, columns, k, depth, packed_y, mask, risk, guarded);
        } else {
          pack_strips<L, kW>(y(b) + n * b.y_n_stride + k * b.y_k_stride, b.y_n_stride, b.y_k_stride, columns,
                             depth, packed_y, depth);
        }
        for (std::int64_t m = 0; m < b.m; m += m_block) {
          const std::int64_t rows = least(b.m - m, m_block);
          const T* x_strips = packed_x;
          if (b.packed_x != nullptr) {
            x_strips =
                static_cast<const T*>(b.packed_x) + k * b.packed_x_rows + (b.packed_x_first_row + m) * depth;
          } else {
            pack_strips<L, L::kRows>(x(b) + m * b.x_m_stride + k * b.x_k_stride, b.x_m_stride, b.x_k_stride,
                                     rows, depth, packed_x, depth);
          }
          Strips(rows, columns, depth, x_strips, y_strips, mask, guarded, c + m * c_stride, c_stride, k != 0);
        }
      }
      if constexpr (!kSame) {
        for (std::int64_t i = 0; i < b.m; ++i) {
          narrow<L>(sums + i * n_block, out(b) + i * b.out_stride + n, columns);
        }
      }
    }
  }

  /// All tiles of a block: strips of y outside (one stays in the L1 cache), strips of x inside.
  static void Strips(std::int64_t rows, std::int64_t columns, std::int64_t depth, const T* x_strips,
                     const T* y_strips, const T* mask, const bool* guarded, T* c, std::int64_t c_stride,
                     bool load) {
    std::int64_t n =
        mask == nullptr ? SeveralStrips(rows, columns, depth, x_strips, y_strips, c, c_stride, load) : 0;
    for (; n < columns; n += kW) {
      const int width = static_cast<int>(least(columns - n, kW));
      const T* y_strip = y_strips + n * depth;
      const bool guard = mask != nullptr && guarded[n / kW];
      const T* mask_strip = guard ? mask + n * depth : nullptr;
      for (std::int64_t m = 0; m < rows; m += L::kRows) {
        const int height = static_cast<int>(least(rows - m, L::kRows));
        const auto tile =
            guard ? Tiles<L>::template packed<true>(height) : Tiles<L>::template packed<false>(height);
        const T* x_strip = x_strips + m * depth;
        T* c_tile = c + m * c_stride + n;
        if (load) Prefetch(c_tile + L::kRows * c_stride, c_stride, least(rows - m - L::kRows, L::kRows));
        if (width == kW) {
          tile(depth, x_strip, y_strip, mask_strip, c_tile, c_stride, load);
          continue;
        }
        alignas(64) T edge[L::kRows * kW];
        if (load) CopyTile(c_tile, c_stride, edge, kW, height, width);
        tile(depth, x_strip, y_strip, mask_strip, edge, kW, load);
        CopyTile(edge, kW, c_tile, c_stride, height, width);
      }
    }
  }

  /// One or two rows over several whole strips at a time; the columns that are done. Eight accumulators.
  static std::int64_t SeveralStrips(std::int64_t rows, std::int64_t columns, std::int64_t depth,
                                    const T* x_strips, const T* y_strips, T* c, std::int64_t c_stride,
                                    bool load) {
    constexpr int kOne = 8 / L::kVectors, kTwo = 4 / L::kVectors;
    if (rows > 2) return 0;
    const auto tile = rows == 1 ? &strips_tile<L, 1, kOne> : &strips_tile<L, 2, kTwo>;
    const std::int64_t width = (rows == 1 ? kOne : kTwo) * kW;
    std::int64_t n = 0;
    for (; n + width <= columns; n += width) {
      tile(depth, x_strips, y_strips + n * depth, depth * kW, c + n, c_stride, load);
    }
    return n;
  }

  /// The next tile of c: unlike y and x, it comes from far away, and its loads stand at the very start.
  static void Prefetch(const T* c, std::int64_t c_stride, std::int64_t rows) {
    for (std::int64_t i = 0; i < rows; ++i) {
      __builtin_prefetch(c + i * c_stride, 1);
      __builtin_prefetch(c + i * c_stride + kW - 1, 1);
    }
  }

  static void CopyTile(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, int rows,
                       int columns) {
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) to[i * to_stride + j] = from[i * from_stride + j];
    }
  }

  static void PackPatches(const Block& b, std::int64_t n, std::int64_t columns, std::int64_t k,
                          std::int64_t depth, T* d, T* mask, bool* risk, bool* guarded) {
    PatchPacker<L, S> packer(*b.patches, y(b));
    for (std::int64_t j = 0; j < columns; j += kW) {
      packer.Place(b.first_column + n + j, static_cast<int>(least(columns - j, kW)));
      T* strip = d + j * depth;
      const bool absent = packer.Pack(k, depth, strip, nullptr);
      if constexpr (L::kGuards) {
        if (mask == nullptr) continue;
        bool& at_risk = risk[j / kW];
        if (!at_risk) {
          MagnitudeScan<L> scan;
          scan.Add(strip, depth * kW);
          at_risk = !b.x_magnitudes.finite || scan.result().ulp_exponent + b.x_magnitudes.ulp_exponent <
                                                  MagnitudeScan<L>::kLeastExponent;
        }
        guarded[j / kW] = absent && at_risk;
        if (guarded[j / kW]) packer.Pack(k, depth, strip, mask + j * depth);
      }
    }
  }

  static std::int64_t PackedYBytes(std::int64_t n, std::int64_t k) {
    return round_up(n, kW) * k * static_cast<std::int64_t>(sizeof(T)) + kPackSlack;
  }
  static std::int64_t PackedXBytes(std::int64_t m, std::int64_t k) {
    return round_up(m, L::kRows) * k * static_cast<std::int64_t>(sizeof(T)) + kPackSlack;
  }
  static void PackY(const Block& b, std::int64_t first, std::int64_t last, void* packed) {
    for (std::int64_t k = first; k < last;) {
      const std::int64_t block = k / L::kKBlock * L::kKBlock, depth = least(b.k - block, L::kKBlock);
      const std::int64_t end = least(last, block + depth);
      T* const strips = static_cast<T*>(packed) + block * round_up(b.n, kW);
      pack_strips<L, kW>(y(b) + k * b.y_k_stride, b.y_n_stride, b.y_k_stride, b.n, end - k,
                         strips + (k - block) * kW, depth);
      k = end;
    }
  }
  static void PackX(const Block& b, std::int64_t first, std::int64_t last, void* packed) {
    for (std::int64_t k = first; k < last;) {
      const std::int64_t block = k / L::kKBlock * L::kKBlock, depth = least(b.k - block, L::kKBlock);
      const std::int64_t end = least(last, block + depth);
      T* const strips = static_cast<T*>(packed) + block * round_up(b.m, L::kRows);
      pack_strips<L, L::kRows>(x(b) + k * b.x_k_stride, b.x_m_stride, b.x_k_stride, b.m, end - k,
                               strips + (k - block) * L::kRows, depth);
      k = end;
    }
  }
  static Magnitudes ScanX(const Block& b) {
    if constexpr (L::kGuards) {
      MagnitudeScan<L> scan;
      T row[64];
      for (std::int64_t m = 0; m < b.m; ++m) {
        const S* p = x(b) + m * b.x_m_stride;
        for (std::int64_t k = 0; k < b.k; k += 64) {
          const std::int64_t count = least(b.k - k, 64);
          for (std::int64_t i = 0; i < count; ++i) widen<L>(p + (k + i) * b.x_k_stride, row + i, 1);
          scan.Add(row, count);
        }
      }
      return scan.result();
    } else {
      return {};
    }
  }

  static constexpr MicroKernel Table() {
    return {L::kRows, kW, sizeof(T), &Multiply, &PackedYBytes, &PackedXBytes, &PackY, &PackX, &ScanX};
  }
};

/// The kernels of one instruction set, by storage type: 8, 16, 32 and 64-bit integers, f16, bf16, f32, f64.
template <class F32, class F64, class U32, class U64>
const MicroKernel& kernel_of(DType dtype) {
  static constexpr MicroKernel kKernels[] = {
      BlockProduct<U32, std::uint8_t>::Table(),  BlockProduct<U32, std::uint16_t>::Table(),
      BlockProduct<U32, std::uint32_t>::Table(), BlockProduct<U64, std::uint64_t>::Table(),
      BlockProduct<F32, float16>::Table(),       BlockProduct<F32, bfloat16>::Table(),
      BlockProduct<F32, float>::Table(),         BlockProduct<F64, double>::Table()};
  switch (dtype) {
    case DType::bool_: break;
    case DType::i8:
    case DType::u8: return kKernels[0];
    case DType::i16:
    case DType::u16: return kKernels[1];
    case DType::i32:
    case DType::u32: return kKernels[2];
    case DType::i64:
    case DType::u64: return kKernels[3];
    case DType::f16: return kKernels[4];
    case DType::bf16: return kKernels[5];
    case DType::f32: return kKernels[6];
    case DType::f64: return kKernels[7];
  }
  __builtin_unreachable();
}

/// One definition per instruction set; call them through micro_kernel().
const MicroKernel& micro_kernel_baseline(DType dtype);
const MicroKernel& micro_kernel_avx2(DType dtype);
const MicroKernel& micro_kernel_avx512(DType dtype);

}  // namespace leat::runtime::cpu
