// Attention in one kernel, exactly as ir/interpret_attention.cpp defines it; scores are never in memory.
//
// A block has up to 64 queries and up to 128 columns of the values, and goes through the keys 64 at a time.
// Twice: exponentials need the greatest score first, and a score that is computed again has the same bits;
// that costs half as many products again, where memory for scores would cost six passes over it. The second
// time through, the exponentials of 64 keys take the place of the queries in shared memory, the values that
// of the keys, and each result takes in product after product, in the order of the keys.
//
// The sum of the exponentials has the fixed shape of a row reduction: key j of a chunk belongs to lane
// j mod 64, and these are the 64 keys of a tile, so a lane's running sum is a register of the thread that has
// the score. Lanes 32, 16, 8, 4 apart join by shuffles, the last four within the thread.
//
// Beyond the last key, a score is the least value, which changes no maximum, and an exponential is -0, which
// changes no sum. Where causal scores of a whole tile are masked, none is computed: all are the least value.
#include "compiler/codegen/cuda/tile_emitter.h"
#include "ir/meaning/reduction.h"

namespace leat::compiler::codegen {
namespace {

using runtime::cuda::kAttentionKeys;
using runtime::cuda::kCausal;
using runtime::cuda::kMasked;

class AttentionEmitter final : TileEmitter {
 public:
  AttentionEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
      : TileEmitter(kernel, target, module),
        rows_(kernel.rank / kThreads),
        columns_(kernel.word / kThreads),
        x_{Zero(), rows_, PitchOf(rows_)},
        keys_{PlaceIn(x_, I(kAttentionKeys), Zero()), kKeys, PitchOf(kKeys)},
        values_{keys_.at, columns_, PitchOf(columns_)},
        least_(reduction_empty(ir::Op::reduce_max, accumulator_)),
        scale_(b_.CreateBitCast(b_.CreateTrunc(n_[5].v, b_.getIntNTy(8 * static_cast<unsigned>(bytes_))),
                                type_)) {}

  // numbers: batches, queries, keys, width, columns, bits of the scale; pointers: q, k, v, out[, the mask]
  void Emit() {
    for (int i = 0; i < rows_ * columns_; ++i) sums_.push_back(entry_alloca(b_, type_, "sum"));
    const I down = CeilDiv(n_[1], I(kernel_.rank)), across = CeilDiv(n_[4], I(kernel_.word));
    EachBlock(n_[0] * down * across, [&](I t) {
      batch_ = Div(t, down * across);
      row0_ = Mod(Div(t, across), down) * I(kernel_.rank);
      column0_ = Mod(t, across) * I(kernel_.word);
      // The last key that a query of the block sees, and one more.
      const I seen = Min(row0_ + I(kernel_.rank), n_[1]) + n_[2] - n_[1];
      seen_ = Has(kCausal) ? Min(n_[2], Max(seen, Zero())) : n_[2];
      for (llvm::Value* sum : sums_) b_.CreateStore(Nought(false), sum);
      const Values top = EmitGreatest();
      StoreResults(EmitSums(top));
    });
  }

 private:
  static constexpr int kKeys = kAttentionKeys / kThreads;  // keys of a thread
  static constexpr std::int64_t kDepth = kAttentionKeys;   // of a tile of queries and keys: as one of values

  static constexpr std::size_t At(int r, int each, int c) { return static_cast<std::size_t>(r * each + c); }
  /// The thread's row, but for those beyond the last, which nobody stores.
  I RowOf(int r) const { return Min(row0_ + LineOf(rows_, down_, r), n_[1] - I(1)); }
  llvm::Value* Join(ir::Op op, llvm::Value* a, llvm::Value* b) { return emit_join(op, accumulator_, a, b); }

  /// Lines `line0`... of a matrix of `lines` rows along the depth, from `depth0` on, as what a thread stores
  /// of them: neighbours load along the depth. Where there is no element, `absent`.
  struct Loaded {
    std::vector<I> depth, line;
    Values values;
  };
  Loaded LoadAlongDepth(llvm::Value* base, I first, I line0, I lines, int each, I depth0, bool absent) {
    Loaded loaded;
    for (std::int64_t d = 0; d < kDepth; d += kThreads) {
      const I depth = across_ + I(d), at = Min(depth0 + depth, n_[3] - I(1));
      for (int e = 0; e < each; ++e) {
        const I line = down_ + I(kThreads * e);
        const I row = first + Min(line0 + line, lines - I(1));
        llvm::Value* x = Widen(kernel_.dtype, Load(kernel_.dtype, base, row * n_[3] + at));
        loaded.depth.push_back(depth);
        loaded.line.push_back(line);
        loaded.values.push_back(b_.CreateSelect((depth0 + depth < n_[3]).v, x, Nought(absent)));
      }
    }
    return loaded;
  }
  Loaded LoadValues(I key0) {
    Loaded loaded;
    const std::int64_t width = kernel_.word, apart = kThreads * kThreads / width;
    const I column = Mod(thread_, I(width)), at = Min(column0_ + column, n_[4] - I(1));
    for (std::int64_t d = 0; d < kAttentionKeys; d += apart) {
      const I depth = Div(thread_, I(width)) + I(d), key = key0 + depth;
      const I row = batch_ * n_[2] + Min(key, n_[2] - I(1));
      llvm::Value* x = Widen(kernel_.dtype, Load(kernel_.dtype, p_[2], row * n_[4] + at));
      loaded.depth.push_back(depth);
      loaded.line.push_back(column);
      loaded.values.push_back(b_.CreateSelect((key < n_[2]).v, x, Nought(false)));
    }
    return loaded;
  }
  void StoreTile(const Tile& tile, const Loaded& loaded) {
    for (std::size_t i = 0; i < loaded.values.size(); ++i)
      StoreWord(loaded.values[i], SharedAt(PlaceIn(tile, loaded.depth[i], loaded.line[i])), bytes_);
  }

  /// The thread's scores with the keys from `key0` on, [rows_][kKeys].
  Values EmitScores(I key0) {
    // Of keys that no query of the block sees, no product is needed.
    const I width = select(key0 < seen_, n_[3], Zero());
    Values scores = Loop(
        Zero(), width, I(kDepth), Values(At(rows_, kKeys, 0), Nought(false)), [&](I depth0, Values sums) {
          const Loaded q = LoadAlongDepth(p_[0], batch_ * n_[1], row0_, n_[1], rows_, depth0, true);
          const Loaded k = LoadAlongDepth(p_[1], batch_ * n_[2], key0, n_[2], kKeys, depth0, false);
          Barrier();
          StoreTile(x_, q);
          StoreTile(keys_, k);
          Barrier();
          return Multiply(x_, keys_, Min(n_[3] - depth0, I(kDepth)), std::move(sums));
        });
    for (int r = 0; r < rows_; ++r) {
      const I query = RowOf(r);
      for (int c = 0; c < kKeys; ++c) {
        llvm::Value*& score = scores[At(r, kKeys, c)];
        const I key = key0 + LineOf(kKeys, across_, c);
        score = b_.CreateFMul(score, scale_);
        if (Has(kMasked)) {
          const I at = (batch_ * n_[1] + query) * n_[2] + Min(key, n_[2] - I(1));
          score = b_.CreateFAdd(score, Widen(kernel_.dtype, Load(kernel_.dtype, p_[4], at)));
        }
        const I last = Has(kCausal) ? query + n_[2] - n_[1] : n_[2] - I(1);
        score = b_.CreateSelect((key > last).v, least_, score);
      }
    }
    return scores;
  }

  /// The greatest score of each of the thread's rows.
  Values EmitGreatest() {
    Values top = Loop(Zero(), seen_, I(kAttentionKeys), Values(static_cast<std::size_t>(rows_), least_),
                      [&](I key0, Values greatest) {
                        const Values scores = EmitScores(key0);
                        for (int r = 0; r < rows_; ++r) {
                          for (int c = 0; c < kKeys; ++c) {
                            llvm::Value*& g = greatest[static_cast<std::size_t>(r)];
                            g = Join(ir::Op::reduce_max, g, scores[At(r, kKeys, c)]);
                          }
                        }
                        return greatest;
                      });
    for (llvm::Value*& g : top) {
      for (int mask = kThreads / 2; mask > 0; mask /= 2)
        g = Join(ir::Op::reduce_max, g, from_thread(b_, g, mask));
    }
    return top;
  }

  /// The sum of the exponentials of each of the thread's rows; sums_ take in the products with the values.
  Values EmitSums(const Values& top) {
    const Values empty(static_cast<std::size_t>(rows_), reduction_empty(ir::Op::reduce_sum, accumulator_));
    const I chunk(meaning::kReductionChunk);
    return emit_pairwise(
        b_, CeilDiv(n_[2], chunk).v, empty,
        [&](llvm::Value* c) {
          const I begin = I(c) * chunk, end = Min(begin + chunk, n_[2]);
          // Lanes of the sum, then results.
          const std::size_t lanes = At(rows_, kKeys, 0);
          Values carried(lanes, reduction_start(ir::Op::reduce_sum, accumulator_));
          for (llvm::Value* sum : sums_) carried.push_back(b_.CreateLoad(type_, sum));
          carried = Loop(begin, end, I(kAttentionKeys), std::move(carried),
                         [&](I key0, Values v) { return EmitTile(key0, top, std::move(v)); });
          for (std::size_t i = 0; i < sums_.size(); ++i) b_.CreateStore(carried[lanes + i], sums_[i]);
          carried.resize(lanes);
          return JoinLanes(carried);
        },
        [&](const Values& a, const Values& b) {
          Values joined;
          for (std::size_t r = 0; r < a.size(); ++r) joined.push_back(Join(ir::Op::reduce_sum, a[r], b[r]));
          return joined;
        });
  }

  Values EmitTile(I key0, const Values& top, Values carried) {
    Values p = EmitScores(key0);
    for (int r = 0; r < rows_; ++r) {
      for (int c = 0; c < kKeys; ++c) {
        const std::size_t i = At(r, kKeys, c);
        llvm::Value* apart = b_.CreateFSub(p[i], top[static_cast<std::size_t>(r)]);
        p[i] = emit_elementwise(ir::Op::exp, accumulator_, accumulator_, &apart, nullptr);
        p[i] = b_.CreateSelect((key0 + LineOf(kKeys, across_, c) < n_[2]).v, p[i], Nought(true));
        carried[i] = Join(ir::Op::reduce_sum, carried[i], p[i]);
      }
    }
    const Loaded v = LoadValues(key0);
    Barrier();
    for (int c = 0; c < kKeys; ++c) {
      Values column;
      for (int r = 0; r < rows_; ++r) column.push_back(p[At(r, kKeys, c)]);
      StoreLines(x_, column, LineOf(kKeys, across_, c), down_);
    }
    StoreTile(values_, v);
    Barrier();
    const auto lanes = static_cast<std::ptrdiff_t>(p.size());
    const Values sums = Multiply(x_, values_, Min(n_[2] - key0, I(kAttentionKeys)),
                                 Values(carried.begin() + lanes, carried.end()));
    std::copy(sums.begin(), sums.end(), carried.begin() + lanes);
    return carried;
  }

  /// The sum of a chunk of each of the thread's rows, of the lanes [rows_][kKeys].
  Values JoinLanes(Values lanes) {
    Values sums;
    for (int r = 0; r < rows_; ++r) {
      llvm::Value** lane = &lanes[At(r, kKeys, 0)];
      for (int mask = kThreads / 2; mask > 0; mask /= 2) {
        for (int c = 0; c < kKeys; ++c)
          lane[c] = Join(ir::Op::reduce_sum, lane[c], from_thread(b_, lane[c], mask));
      }
      for (int half = kKeys / 2; half > 0; half /= 2) {
        for (int c = 0; c < half; ++c) lane[c] = Join(ir::Op::reduce_sum, lane[c], lane[c + half]);
      }
      sums.push_back(lane[0]);
    }
    return sums;
  }

  void StoreResults(const Values& totals) {
    for (int r = 0; r < rows_; ++r) {
      const I row = row0_ + LineOf(rows_, down_, r);
      If(row < n_[1], [&] {
        for (int c = 0; c < columns_; ++c) {
          const I column = column0_ + LineOf(columns_, across_, c);
          If(column < n_[4], [&] {
            llvm::Value* sum = b_.CreateLoad(type_, sums_[At(r, columns_, c)]);
            sum = b_.CreateFDiv(sum, totals[static_cast<std::size_t>(r)]);
            if (kernel_.dtype != accumulator_)
              sum = emit_convert(ir::Op::convert, accumulator_, kernel_.dtype, sum);
            Store(kernel_.dtype, sum, p_[3], (batch_ * n_[1] + row) * n_[4] + column);
          });
        }
      });
    }
  }

  const int rows_, columns_;      // results of a thread along either side
  const Tile x_, keys_, values_;  // queries, then exponentials; keys and values take turns
  llvm::Value *const least_, *const scale_;
  Values sums_;  // addresses of the thread's results, [rows_][columns_]
  I batch_, row0_, column0_, seen_;
};

}  // namespace

void emit_attention(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  AttentionEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
