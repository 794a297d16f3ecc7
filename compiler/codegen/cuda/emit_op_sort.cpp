// sort, top_k and scatter.
//
// Lines are sorted as pairs (key, index): keys are unsigned (order_key.h), indices u32, and an index breaks
// ties, so that every sorting network gives the one stable order. A block sorts a tile of 1,024 pairs in
// shared memory by a bitonic network: several short lines, or a chunk of a long one. Chunks are merged in
// pairs of runs, pass by pass; each thread finds where its 8 outputs begin by a search along the diagonal of
// the merge (Green, McColl, Bader 2012) and merges from there. top_k keeps the first k of each run, so each
// pass halves what is left.
//
// scatter sorts the updates by destination. Stable means that updates of one destination stand in their
// order, and one thread takes them in, one after another: no atomics, and the bits do not depend on who came
// first. Many updates of one destination are a chain, as their order is their meaning.
#include "compiler/codegen/cuda/op_emitter.h"
#include "compiler/codegen/cuda/order_key.h"

namespace leat::compiler::codegen {
namespace {

using runtime::cuda::kSortTile;

class SortEmitter final : OpEmitter {
 public:
  SortEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
      : OpEmitter(kernel, target, module) {}

  void Emit() {
    switch (kernel_.code) {
      case Code::sort_blocks: EmitBlocks(); return;
      case Code::sort_merge: EmitMerge(); return;
      case Code::take_indices: EmitTakeIndices(); return;
      case Code::scatter_keys:
      case Code::scatter_nd_keys: EmitScatterKeys(); return;
      default: EmitScatterRuns(); return;
    }
  }

 private:
  struct Pair {
    llvm::Value *key, *index;
  };
  DType keys() const { return key_dtype(kernel_.dtype); }
  llvm::Value* GreatestKey() { return llvm::ConstantInt::getAllOnesValue(MemoryType(keys())); }
  Pair LoadPair(llvm::Value* key_base, llvm::Value* index_base, I at) {
    return {Load(keys(), key_base, at), Load(DType::u32, index_base, at)};
  }
  void StorePair(Pair pair, llvm::Value* key_base, llvm::Value* index_base, I at) {
    Store(keys(), pair.key, key_base, at);
    Store(DType::u32, pair.index, index_base, at);
  }
  Flag Below(Pair a, Pair b) {
    const Flag less(b_.CreateICmpULT(a.key, b.key)), equal(b_.CreateICmpEQ(a.key, b.key));
    return less | (equal & Flag(b_.CreateICmpULT(a.index, b.index)));
  }

  // numbers: segments, line extent, inner, 2^p elements of a segment, p, segments of a line, elements kept
  // of a segment, of a line; pointers: x, keys, indices. Shared: keys, then indices, of a tile.
  void EmitBlocks() {
    const I segments = n_[0], extent = n_[1], inner = n_[2], size = n_[3], levels = n_[4], per_line = n_[5],
            kept = n_[6], kept_line = n_[7];
    llvm::Value* key_base = entry_.shared;
    llvm::Value* index_base = SharedAt(I(kSortTile * static_cast<std::int64_t>(byte_size(keys()))));
    const I per_tile = Div(I(kSortTile), size);
    const auto each_slot = [&](std::int64_t count, const std::function<void(I)>& body) {
      Loop(thread_, I(count), threads_, body);
    };
    EachBlock(CeilDiv(segments, per_tile), [&](I tile) {
      // Slot i of the tile: element `within` of a segment.
      const auto place = [&](I i, const std::function<void(I line, I first, I within, Flag there)>& body) {
        const I segment = tile * per_tile + Div(i, size), line = Div(segment, per_line);
        const I first = Mod(segment, per_line) * size, within = Mod(i, size);
        body(line, first, within, (segment < segments) & (first + within < extent));
      };
      each_slot(kSortTile, [&](I i) {
        place(i, [&](I line, I first, I within, Flag there) {
          const I at = first + within;
          const Values pair = emit_if(
              b_, there.v,
              [&] {
                const I base = Div(line, inner) * extent * inner + Mod(line, inner);
                llvm::Value* x = Load(kernel_.dtype, p_[0], base + at * inner);
                const bool descending = (kernel_.variant & runtime::cuda::kDescending) != 0;
                const bool nan_last = (kernel_.variant & runtime::cuda::kNanLast) != 0;
                return Values{emit_order_key(kernel_.dtype, x, descending, nan_last),
                              b_.CreateTrunc(at.v, b_.getInt32Ty())};
              },
              [&] {
                return Values{GreatestKey(), b_.getInt32(~0u)};
              });
          StorePair({pair[0], pair[1]}, key_base, index_base, i);
        });
      });
      Barrier();
      Loop(I(1), levels + I(1), I(1), [&](I level) {
        Loop(Zero(), level, I(1), [&](I stage) {
          const I apart(b_.CreateShl(I(1).v, (level - I(1) - stage).v));
          each_slot(kSortTile / 2, [&](I p) {
            const I low = p & (apart - I(1)), a = ((p - low) << 1) | low, b = a + apart;
            const Pair x = LoadPair(key_base, index_base, a), y = LoadPair(key_base, index_base, b);
            // Segments go up; within them, runs of the level go up and down in turn.
            const I turn(b_.CreateShl(I(1).v, level.v));
            const Flag ascending = (a & (size - I(1)) & turn) == Zero();
            If(Below(y, x) == ascending, [&] {
              StorePair(y, key_base, index_base, a);
              StorePair(x, key_base, index_base, b);
            });
          });
          Barrier();
        });
      });
      each_slot(kSortTile, [&](I i) {
        place(i, [&](I line, I first, I within, Flag there) {
          If(there & (within < kept), [&] {
            const I out = line * kept_line + Div(first, size) * kept + within;
            StorePair(LoadPair(key_base, index_base, i), p_[1], p_[2], out);
          });
        });
      });
      // Of the next tile, the slots are written by the threads that have just read them.
    });
  }

  // numbers: lines, elements of a line, of a run of it, elements of a line of the result, of a run of it;
  // pointers: keys, indices, and those of the result
  void EmitMerge() {
    constexpr std::int64_t kEach = runtime::cuda::kMergeElements;
    const I extent = n_[1], run = n_[2], out_extent = n_[3], out_run = n_[4];
    const I groups = CeilDiv(out_run, I(kEach)), runs = CeilDiv(out_extent, out_run);
    Each(n_[0] * runs * groups, [&](I i) {
      const I group = Mod(i, groups), r = Mod(Div(i, groups), runs), line = Div(i, groups * runs);
      const I begin = r * run * I(2);
      const I a_count = Min(run, extent - begin), b_count = Max(Min(run, extent - begin - run), Zero());
      const I a0 = line * extent + begin, b0 = a0 + a_count;
      const I first = group * I(kEach);
      const I last = Min(Min(first + I(kEach), out_run), a_count + b_count);
      If(first < last, [&] {
        // How many of the first `first` outputs come from a: the least `a` whose element comes after that of
        // b across the diagonal. Of equal keys those of a come first.
        const Values found = emit_while(
            b_, {Max(Zero(), first - b_count).v, Min(first, a_count).v},
            [&](const Values& v) { return (I(v[0]) < I(v[1])).v; },
            [&](Values v) {
              const I low(v[0]), high(v[1]), middle = (low + high) >> 1;
              llvm::Value* a = Load(keys(), p_[0], a0 + middle);
              llvm::Value* b = Load(keys(), p_[0], b0 + first - I(1) - middle);
              const Flag before(b_.CreateICmpULE(a, b));
              return Values{select(before, middle + I(1), low).v, select(before, high, middle).v};
            });
        const I out = line * out_extent + r * out_run;
        const I a_first(found[0]);
        Loop(first, last, I(1), {a_first.v, (first - a_first).v}, [&](I at, Values v) {
          const I a(v[0]), b(v[1]);
          const Flag has_a = a < a_count, has_b = b < b_count;
          // What is not there is read where something is.
          const I a_at = select(has_a, a0 + a, a0), b_at = select(has_b, b0 + b, a0);
          const Flag before(b_.CreateICmpULE(Load(keys(), p_[0], a_at), Load(keys(), p_[0], b_at)));
          const Flag from_a = has_a & (before | !has_b);
          StorePair(LoadPair(p_[0], p_[1], select(from_a, a_at, b_at)), p_[2], p_[3], out + at);
          const I step = cast<std::int64_t>(from_a);
          return Values{(a + step).v, (b + I(1) - step).v};
        });
      });
    });
  }

  // numbers: count; pointers: indices, out
  void EmitTakeIndices() {
    Each(n_[0], [&](I i) {
      Store(DType::i64, b_.CreateZExt(Load(DType::u32, p_[0], i), b_.getInt64Ty()), p_[1], i);
    });
  }

  // dtype: of the keys. numbers of scatter_keys: updates, extent, step, then extents of the updates and
  // strides of x by dimension (that of the axis is 0); of scatter_nd_keys: updates, then extents and strides
  // by index. pointers: indices, keys
  void EmitScatterKeys() {
    Each(n_[0], [&](I i) {
      I at = Zero();
      Flag bad(b_.getFalse());
      const auto checked = [&](I place, I extent) {
        const I index = LoadIndex(kernel_.second, p_[0], place);
        bad = bad | Flag(b_.CreateICmpUGE(index.v, extent.v));
        return index;
      };
      if (kernel_.code == Code::scatter_keys) {
        at = checked(i, n_[1]) * n_[2];
        I rest = i;
        for (unsigned d = kernel_.rank; d-- > 0;) {
          at = at + (d == 0 ? rest : Mod(rest, n_[3 + d])) * n_[3u + kernel_.rank + d];
          rest = Div(rest, n_[3 + d]);
        }
      } else {
        for (unsigned k = 0; k < kernel_.rank; ++k)
          at = at + checked(i * I(kernel_.rank) + I(k), n_[1 + k]) * n_[1u + kernel_.rank + k];
      }
      NoteFault(bad);
      llvm::Value* key = b_.CreateSelect(bad.v, GreatestKey(), b_.CreateTrunc(at.v, MemoryType(keys())));
      Store(keys(), key, p_[1], i);
    });
  }

  /// One update after another: rounded each time, as the elementwise op would. Without an op the last one
  /// wins.
  llvm::Value* Combine(llvm::Value* value, llvm::Value* update) {
    if (kernel_.op == ir::Op::parameter) return update;
    llvm::Value* operands[] = {value, update};
    return emit_elementwise(kernel_.op, kernel_.dtype, kernel_.dtype, operands, nullptr);
  }

  // second: of the keys. numbers: updates, elements of each; pointers: sorted keys, their updates, the
  // updates, out
  void EmitScatterRuns() {
    const I updates = n_[0], run = n_[1];
    const DType key = kernel_.second;
    llvm::Value* nowhere = llvm::ConstantInt::getAllOnesValue(MemoryType(key));
    Each(updates * run, [&](I i) {
      const I first = Div(i, run), within = Mod(i, run);
      llvm::Value* here = Load(key, p_[0], first);
      llvm::Value* before = Load(key, p_[0], Max(first - I(1), Zero()));
      const Flag begins = (first == Zero()) | Flag(b_.CreateICmpNE(before, here));
      If(begins & Flag(b_.CreateICmpNE(here, nowhere)), [&] {
        const I to = I(b_.CreateZExtOrTrunc(here, b_.getInt64Ty())) * run + within;
        const Values combined = emit_while(
            b_, {first.v, Load(kernel_.dtype, p_[3], to)},
            [&](const Values& v) {
              const I at(v[0]);
              llvm::Value* there = Load(key, p_[0], Min(at, updates - I(1)));
              return ((at < updates) & Flag(b_.CreateICmpEQ(there, here))).v;
            },
            [&](Values v) {
              const I from(b_.CreateZExt(Load(DType::u32, p_[1], I(v[0])), b_.getInt64Ty()));
              llvm::Value* update = Load(kernel_.dtype, p_[2], from * run + within);
              return Values{(I(v[0]) + I(1)).v, Combine(v[1], update)};
            });
        Store(kernel_.dtype, combined[1], p_[3], to);
      });
    });
  }
};

}  // namespace

void emit_sorting(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  SortEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
