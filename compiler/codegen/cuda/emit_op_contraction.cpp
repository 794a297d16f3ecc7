// Exact contractions: each result is one running value that takes in x * y, product after product in the
// order of k, by fused multiply-adds from +0; f16 and bf16 in f32, integers modulo 2^32 or 2^64.
//
// A block of 16 x 16 threads computes a tile of 128, 64 or 32 squared, a thread 8 x 8, 4 x 4 or 2 x 2 results
// in registers, so that of 8 + 8 values read from shared memory come 64 multiply-adds (tile_emitter.h). Tiles
// of 16 along k pass through shared memory: while one is multiplied, the loads of the next are under way into
// registers. Global loads go along whichever dimension of the operand is dense.
//
// Beyond the end of k, x is -0 and y is +0: their product, -0, is the one addend that changes no sum. Where a
// convolution reads padding, which is no term of its sum (a weight may be infinite), the sum stays by a
// predicate.
#include "compiler/codegen/cuda/tile_emitter.h"

namespace leat::compiler::codegen {
namespace {

using runtime::cuda::kAbsentTaps;
using runtime::cuda::kHolesInInput;
using runtime::cuda::kXAlongDepth;
using runtime::cuda::kYAlongDepth;

class ContractionEmitter final : TileEmitter {
 public:
  ContractionEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
      : TileEmitter(kernel, target, module),
        x_{Zero(), each(), PitchOf(each())},
        y_{PlaceIn(x_, I(kDepth), Zero()), each(), PitchOf(each())},
        present_(PlaceIn(y_, I(kDepth), Zero())) {}

  void Emit() {
    if (kernel_.code == Code::convolution_taps) {
      EmitTaps();
    } else {
      EmitTiles();
    }
  }

 private:
  static constexpr int kDepth = 16;

  bool Convolves() const { return kernel_.code == Code::convolution; }
  int tile() const { return kernel_.rank; }
  int each() const { return tile() / kThreads; }  // results of a thread along a side; and what it loads

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
  // matmul: strides of x by batch, m, k; of y by batch, k, n. pointers: x, y, out
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
    return {Widen(kernel_.dtype, Load(kernel_.dtype, p_[1], at)), there.v};
  }

  llvm::Value* OutAt(I batch, I row, I column) {
    I at;
    if (Convolves()) {
      const I image = Div(column, n_[kPositions]);
      at = ((image * n_[0] + batch) * n_[1] + row) * n_[kPositions] + Mod(column, n_[kPositions]);
    } else {
      at = (batch * n_[1] + row) * n_[2] + column;
    }
    return At(MemoryType(kernel_.dtype), p_[2], at);
  }

  // --- the tile -----------------------------------------------------------------------------------------

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
            llvm::Value* loaded = Load(kernel_.dtype, p_[1], y.base[e] + at * n_[kStrides + 4]);
            c = {Widen(kernel_.dtype, loaded)};
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
        sums = Multiply(x_, y_, I(kDepth), std::move(sums), Has(kAbsentTaps) ? &present_ : nullptr);
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
      StoreWord(loaded[e], SharedAt(PlaceIn(x_, x.depth[e], x.line[e])), bytes_);
      StoreWord(loaded[count + e], SharedAt(PlaceIn(y_, y.depth[e], y.line[e])), bytes_);
      if (Has(kAbsentTaps)) {
        const I flag = present_ + y.depth[e] * I(y_.pitch) + y.line[e];
        StoreWord(loaded[2 * count + e], SharedAt(flag), 1);
      }
    }
  }

  void StoreResults(const Values& sums, I batch, I row0, I column0) {
    for (int r = 0; r < each(); ++r) {
      const I row = row0 + LineOf(each(), down_, r);
      If(row < n_[1], [&] {
        for (int c = 0; c < each(); ++c) {
          const I column = column0 + LineOf(each(), across_, c);
          If(column < n_[2], [&] {
            llvm::Value* sum = sums[static_cast<std::size_t>(r * each() + c)];
            if (kernel_.dtype != accumulator_)
              sum = emit_convert(ir::Op::convert, accumulator_, kernel_.dtype, sum);
            StoreWord(sum, OutAt(batch, row, column), static_cast<int>(byte_size(kernel_.dtype)));
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

  const Tile x_, y_;
  const I present_;  // flags [depth, column]: whether a tap reads x
};

}  // namespace

void emit_contraction(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  ContractionEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
