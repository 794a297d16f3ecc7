// Exact contractions: each result is one running value that takes in x * y, product after product in the
// order of k, by fused multiply-adds from +0; f16 and bf16 in f32, integers modulo 2^32 or 2^64.
//
// A block of 16 x 16 threads computes a tile of 128, 64 or 32 squared, a thread 8 x 8, 4 x 4 or 2 x 2 results
// in registers, so that of 8 + 8 values read from shared memory come 64 multiply-adds. Tiles of 16 along k
// pass through shared memory, already in the type of the sum: while one is multiplied, the loads of the next
// are under way into registers. A thread's rows and columns are groups of 4, 16 groups apart, so that reads
// are 16 bytes wide and the threads of a warp read either the same or neighbouring ones: no bank conflict. A
// pitch of 4 elements more than the tile keeps the transposing writes to at most two threads a bank. Global
// loads go along whichever dimension of the operand is dense.
//
// Beyond the end of k, x is -0 and y is +0: their product, -0, is the one addend that changes no sum. Where a
// convolution reads padding, which is no term of its sum (a weight may be infinite), the sum stays by a
// predicate.
#include "compiler/codegen/cuda/op_emitter.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {
namespace {

using runtime::cuda::contraction_accumulator;
using runtime::cuda::kAbsentTaps;
using runtime::cuda::kCausal;
using runtime::cuda::kDividedRows;
using runtime::cuda::kHolesInInput;
using runtime::cuda::kMasked;
using runtime::cuda::kXAlongDepth;
using runtime::cuda::kYAlongDepth;

class ContractionEmitter final : OpEmitter {
 public:
  ContractionEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
      : OpEmitter(kernel, target, module),
        accumulator_(contraction_accumulator(kernel.dtype)),
        type_(MemoryType(accumulator_)),
        bytes_(static_cast<int>(byte_size(accumulator_))) {}

  void Emit() {
    switch (kernel_.code) {
      case Code::convolution_taps: EmitTaps(); return;
      case Code::attention_rows: EmitAttentionRows(); return;
      default: EmitTiles(); return;
    }
  }

 private:
  static constexpr int kThreads = 16, kDepth = 16;

  bool Has(std::uint8_t bit) const { return (kernel_.variant & bit) != 0; }
  bool Convolves() const { return kernel_.code == Code::convolution; }
  int tile() const { return kernel_.rank; }
  int each() const { return tile() / kThreads; }  // results of a thread along a side; and what it loads
  int group() const { return std::min(each(), 4); }
  int pitch() const { return tile() + 4; }

  llvm::Value* Widen(DType from, llvm::Value* x) {
    return from == accumulator_ ? x : emit_convert(ir::Op::convert, from, accumulator_, x);
  }
  llvm::Value* Nought(bool negative) {
    return negative && type_->isFloatingPointTy() ? llvm::ConstantFP::getNegativeZero(type_)
                                                  : llvm::Constant::getNullValue(type_);
  }
  llvm::Value* MultiplyAdd(llvm::Value* x, llvm::Value* y, llvm::Value* sum) {
    if (!type_->isFloatingPointTy()) return b_.CreateAdd(b_.CreateMul(x, y), sum);
    return b_.CreateIntrinsic(llvm::Intrinsic::fma, {type_}, {x, y, sum});
  }

  /// What a thread loads of a tile: its places, and where they are in memory.
  struct Places {
    std::vector<I> line, depth;  // row or column, and k, within the tile
    std::vector<I> base;         // offset of the line in the operand
  };

  /// `along_depth`: neighbouring threads go along k.
  Places MakePlaces(bool along_depth) {
    Places places;
    const std::int64_t apart = kThreads * kThreads / (along_depth ? kDepth : tile());
    for (std::int64_t e = 0; e < each(); ++e) {
      const I minor = Mod(thread_, I(along_depth ? kDepth : tile()));
      const I major = Div(thread_, I(along_depth ? kDepth : tile())) + I(apart * e);
      places.line.push_back(along_depth ? major : minor);
      places.depth.push_back(along_depth ? minor : major);
    }
    return places;
  }

  // --- what differs between products and convolutions -------------------------------------------------
  //
  // numbers of both: batch (groups), m, n, k.
  // matmul: strides of x by batch, m, k; of y by batch, k, n. pointers: x, y, out[, divisors of the rows]
  // convolution: strides of w by group, m, k; positions of an image, and their last two extents; three
  // extents of x, strides, lows, input dilations; channels of x, and of a group. pointers: w, x, out, taps
  static constexpr unsigned kStrides = 4, kPositions = 7, kExtents = 10, kSteps = 13, kLows = 16, kHoles = 19,
                            kChannels = 22, kGroupChannels = 23;

  I XStride(unsigned k) const { return n_[kStrides + k]; }

  /// Of a column of a convolution: where its image begins, and the place of kernel position 0.
  struct Column {
    I image, place[3];
  };

  Column DecodeColumn(I column, I batch) {
    const I image = Div(column, n_[kPositions]), at = Mod(column, n_[kPositions]);
    const I p2 = Mod(at, n_[kPositions + 2]), rest = Div(at, n_[kPositions + 2]);
    const I p[3] = {Div(rest, n_[kPositions + 1]), Mod(rest, n_[kPositions + 1]), p2};
    Column c{(image * n_[kChannels] + batch * n_[kGroupChannels]), {}};
    for (unsigned d = 0; d < 3; ++d) c.place[d] = p[d] * n_[kSteps + d] - n_[kLows + d];
    return c;
  }

  /// The element that kernel position and channel `k` bring to a column, and whether there is one.
  Values LoadTap(const Column& c, I k) {
    llvm::Type* quad = llvm::FixedVectorType::get(b_.getInt32Ty(), 4);
    llvm::Value* tap = LoadWord(quad, At(quad, p_[3], k), 16);
    const auto part = [&](std::uint64_t i) {
      return I(b_.CreateSExt(b_.CreateExtractElement(tap, i), b_.getInt64Ty()));
    };
    I at = c.image + part(0);
    Flag there(b_.getTrue());
    for (unsigned d = 0; d < 3; ++d) {
      I place = c.place[d] + part(1 + d);
      if (Has(kHolesInInput)) {
        const I whole = Div(Max(place, Zero()), n_[kHoles + d]);
        there = there & (whole * n_[kHoles + d] == place);
        place = whole;
      }
      there = there & Flag(b_.CreateICmpULT(place.v, n_[kExtents + d].v));
      at = at * n_[kExtents + d] + place;
    }
    if (Has(kAbsentTaps)) at = select(there, at, Zero());
    return {Widen(kernel_.second, Load(kernel_.second, p_[1], at)), there.v};
  }

  llvm::Value* OutAt(I batch, I row, I column) {
    I at;
    if (Convolves()) {
      const I image = Div(column, n_[kPositions]);
      at = ((image * n_[0] + batch) * n_[1] + row) * n_[kPositions] + Mod(column, n_[kPositions]);
    } else {
      at = (batch * n_[1] + row) * n_[2] + column;
    }
    return At(MemoryType(kernel_.result), p_[2], at);
  }

  // --- the tile -----------------------------------------------------------------------------------------

  I SharedX(I depth, I line) { return (depth * I(pitch()) + line) * I(bytes_); }
  I SharedY(I depth, I line) { return SharedX(depth + I(kDepth), line); }
  I SharedMask(I depth, I line) { return I(2 * kDepth * pitch() * bytes_) + depth * I(pitch()) + line; }

  void EmitTiles() {
    const I m = n_[1], n = n_[2], k = n_[3];
    const I down = CeilDiv(m, I(tile())), across = CeilDiv(n, I(tile())), steps = CeilDiv(k, I(kDepth));
    const Places xs = MakePlaces(Has(kXAlongDepth)), ys = MakePlaces(Has(kYAlongDepth));
    EachBlock(n_[0] * down * across, [&](I t) {
      const I batch = Div(t, across * down);
      const I row0 = Mod(Div(t, across), down) * I(tile()), column0 = Mod(t, across) * I(tile());
      Places x = xs, y = ys;
      std::vector<Column> columns;
      for (std::size_t e = 0; e < x.line.size(); ++e) {
        // Rows and columns beyond the ends are those at the ends; nobody stores them.
        x.base.push_back(batch * XStride(0) + Min(row0 + x.line[e], m - I(1)) * XStride(1));
        const I column = Min(column0 + y.line[e], n - I(1));
        if (Convolves()) {
          // A thread has one column: it is the same for all of its places.
          columns.push_back(e == 0 ? DecodeColumn(column, batch) : columns[0]);
        } else {
          y.base.push_back(batch * n_[kStrides + 3] + column * n_[kStrides + 5]);
        }
      }
      const auto fetch = [&](I step) {
        Values of_x, of_y, masks;
        for (std::size_t e = 0; e < x.line.size(); ++e) {
          const I kx = step * I(kDepth) + x.depth[e], ky = step * I(kDepth) + y.depth[e];
          llvm::Value* a = Load(kernel_.dtype, p_[0], x.base[e] + Min(kx, k - I(1)) * XStride(2));
          of_x.push_back(b_.CreateSelect((kx < k).v, Widen(kernel_.dtype, a), Nought(true)));
          const I at = Min(ky, k - I(1));
          Values c;
          if (Convolves()) {
            c = LoadTap(columns[e], at);
            if (Has(kAbsentTaps)) masks.push_back(b_.CreateZExt(c[1], b_.getInt8Ty()));
          } else {
            llvm::Value* loaded = Load(kernel_.second, p_[1], y.base[e] + at * n_[kStrides + 4]);
            c = {Widen(kernel_.second, loaded)};
          }
          of_y.push_back(b_.CreateSelect((ky < k).v, c[0], Nought(false)));
        }
        of_x.insert(of_x.end(), of_y.begin(), of_y.end());
        of_x.insert(of_x.end(), masks.begin(), masks.end());
        return of_x;
      };
      const auto results = static_cast<std::size_t>(each() * each());
      const Values first = emit_if(
          b_, (k > Zero()).v, [&] { return fetch(Zero()); }, [&] { return Nothing(); });
      Values carried(results, Nought(false));
      carried.insert(carried.end(), first.begin(), first.end());
      carried = Loop(Zero(), steps, I(1), carried, [&](I step, Values v) {
        Values sums(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(results));
        StoreTiles(x, y, v.data() + results);
        Barrier();
        const Values next = fetch(step + I(1));
        sums = Multiply(std::move(sums));
        Barrier();
        sums.insert(sums.end(), next.begin(), next.end());
        return sums;
      });
      StoreResults(carried, batch, row0, column0);
    });
  }

  Values Nothing() {
    Values values(static_cast<std::size_t>(2 * each()), Nought(false));
    if (Has(kAbsentTaps)) values.resize(static_cast<std::size_t>(3 * each()), b_.getInt8(0));
    return values;
  }

  void StoreTiles(const Places& x, const Places& y, llvm::Value* const* loaded) {
    const std::size_t count = x.line.size();
    for (std::size_t e = 0; e < count; ++e) {
      StoreWord(loaded[e], SharedAt(SharedX(x.depth[e], x.line[e])), bytes_);
      StoreWord(loaded[count + e], SharedAt(SharedY(y.depth[e], y.line[e])), bytes_);
      if (Has(kAbsentTaps)) StoreWord(loaded[2 * count + e], SharedAt(SharedMask(y.depth[e], y.line[e])), 1);
    }
  }

  /// The thread's values along a side: `group` neighbours, 16 groups apart.
  Values LoadSide(llvm::Type* element, int bytes, I base, I thread) {
    const int wide = std::min(group(), 16 / bytes);
    llvm::Type* type = llvm::FixedVectorType::get(element, static_cast<unsigned>(wide));
    Values values;
    for (int g = 0; g < each(); g += wide) {
      const std::int64_t apart = g / group() * group() * kThreads + g % group();
      llvm::Value* loaded =
          LoadWord(type, SharedAt(base + (thread * I(group()) + I(apart)) * I(bytes)), wide * bytes);
      for (int w = 0; w < wide; ++w)
        values.push_back(b_.CreateExtractElement(loaded, static_cast<std::uint64_t>(w)));
    }
    return values;
  }

  Values Multiply(Values sums) {
    constexpr std::int64_t kUnroll = 4;
    const I ty = Div(thread_, I(kThreads)), tx = Mod(thread_, I(kThreads));
    return Loop(Zero(), I(kDepth), I(kUnroll), std::move(sums), [&](I depth0, Values v) {
      for (std::int64_t u = 0; u < kUnroll; ++u) {
        const I depth = depth0 + I(u);
        const Values x = LoadSide(type_, bytes_, SharedX(depth, Zero()), ty);
        const Values y = LoadSide(type_, bytes_, SharedY(depth, Zero()), tx);
        Values there;
        if (Has(kAbsentTaps)) there = LoadSide(b_.getInt8Ty(), 1, SharedMask(depth, Zero()), tx);
        for (std::size_t r = 0; r < x.size(); ++r) {
          for (std::size_t c = 0; c < y.size(); ++c) {
            llvm::Value*& sum = v[r * y.size() + c];
            llvm::Value* next = MultiplyAdd(x[r], y[c], sum);
            sum = there.empty() ? next : b_.CreateSelect(b_.CreateICmpNE(there[c], b_.getInt8(0)), next, sum);
          }
        }
      }
      return v;
    });
  }

  void StoreResults(const Values& sums, I batch, I row0, I column0) {
    const auto place = [&](I thread, int i) {
      return thread * I(group()) + I(i / group() * group() * kThreads + i % group());
    };
    const I ty = Div(thread_, I(kThreads)), tx = Mod(thread_, I(kThreads));
    for (int r = 0; r < each(); ++r) {
      const I row = row0 + place(ty, r);
      If(row < n_[1], [&] {
        llvm::Value* divisor = Has(kDividedRows) ? Load(accumulator_, p_[3], batch * n_[1] + row) : nullptr;
        for (int c = 0; c < each(); ++c) {
          const I column = column0 + place(tx, c);
          If(column < n_[2], [&] {
            llvm::Value* sum = sums[static_cast<std::size_t>(r * each() + c)];
            if (divisor != nullptr) sum = b_.CreateFDiv(sum, divisor);
            if (kernel_.result != accumulator_)
              sum = emit_convert(ir::Op::convert, accumulator_, kernel_.result, sum);
            StoreWord(sum, OutAt(batch, row, column), static_cast<int>(byte_size(kernel_.result)));
          });
        }
      });
    }
  }

  // numbers: taps, positions of the kernel, its last two extents, dilations; pointer: taps as four i32: the
  // channel, and the offset of each spatial dimension
  void EmitTaps() {
    Each(n_[0], [&](I k) {
      const I at = Mod(k, n_[1]), rest = Div(at, n_[3]);
      const I parts[4] = {Div(k, n_[1]), Div(rest, n_[2]) * n_[4], Mod(rest, n_[2]) * n_[5],
                          Mod(at, n_[3]) * n_[6]};
      llvm::Type* quad = llvm::FixedVectorType::get(b_.getInt32Ty(), 4);
      llvm::Value* tap = llvm::PoisonValue::get(quad);
      for (std::uint64_t i = 0; i < 4; ++i)
        tap = b_.CreateInsertElement(tap, b_.CreateTrunc(parts[i].v, b_.getInt32Ty()), i);
      StoreWord(tap, At(quad, p_[0], k), 16);
    });
  }

  // A warp a row: element j belongs to thread j mod 32 in every pass, so no pass waits for another.
  // numbers: rows, keys, queries of a batch, the first query, keys - all queries, bits of the scale;
  // pointers: scores, which become exponentials, their sums[, the mask]
  void EmitAttentionRows() {
    const I keys = n_[1], lane = thread_ & I(31), warp = thread_ >> 5;
    constexpr std::int64_t kWarps = 8;
    const I per(kWarps);
    llvm::Value* scale =
        b_.CreateBitCast(b_.CreateTrunc(n_[5].v, b_.getIntNTy(8 * static_cast<unsigned>(bytes_))), type_);
    EachBlock(CeilDiv(n_[0], per), [&](I block) {
      const I row = block * per + warp;
      If(row < n_[0], [&] {
        const I query = n_[3] + Mod(row, n_[2]), base = row * keys;
        llvm::Value* least = reduction_empty(ir::Op::reduce_max, accumulator_);
        llvm::Value* top = Loop(lane, keys, I(32), {least}, [&](I j, Values v) {
          llvm::Value* score = b_.CreateFMul(Load(accumulator_, p_[0], base + j), scale);
          if (Has(kMasked))
            score = b_.CreateFAdd(score, Widen(kernel_.dtype, Load(kernel_.dtype, p_[2], base + j)));
          if (Has(kCausal)) score = b_.CreateSelect((j > query + n_[4]).v, least, score);
          Store(accumulator_, score, p_[0], base + j);
          return Values{emit_join(ir::Op::reduce_max, accumulator_, v[0], score)};
        })[0];
        for (int mask = 16; mask > 0; mask /= 2)
          top = emit_join(ir::Op::reduce_max, accumulator_, top, from_thread(b_, top, mask));
        const auto join = [&](llvm::Value* a, llvm::Value* b) {
          return emit_join(ir::Op::reduce_sum, accumulator_, a, b);
        };
        const I chunk(meaning::kReductionChunk);
        const Values total = emit_pairwise(
            b_, CeilDiv(keys, chunk).v, {reduction_empty(ir::Op::reduce_sum, accumulator_)},
            [&](llvm::Value* c) {
              const I begin = I(c) * chunk, end = Min(begin + chunk, keys);
              Values lanes;
              for (std::int64_t half = 0; half < 2; ++half) {
                llvm::Value* start = reduction_start(ir::Op::reduce_sum, accumulator_);
                lanes.push_back(Loop(begin + lane + I(32 * half), end, I(64), {start}, [&](I j, Values v) {
                  llvm::Value* apart = b_.CreateFSub(Load(accumulator_, p_[0], base + j), top);
                  llvm::Value* p = emit_elementwise(ir::Op::exp, accumulator_, accumulator_, &apart, nullptr);
                  Store(accumulator_, p, p_[0], base + j);
                  return Values{join(v[0], p)};
                })[0]);
              }
              llvm::Value* sum = join(lanes[0], lanes[1]);
              for (int mask = 16; mask > 0; mask /= 2) sum = join(sum, from_thread(b_, sum, mask));
              return Values{sum};
            },
            [&](const Values& a, const Values& b) { return Values{join(a[0], b[0])}; });
        If(lane == Zero(), [&] { Store(accumulator_, total[0], p_[1], row); });
      });
    });
  }

  const DType accumulator_;
  llvm::Type* const type_;
  const int bytes_;
};

}  // namespace

void emit_contraction(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  ContractionEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
