// Ops whose order of operations along an axis is part of their meaning: windows, running reductions; and the
// arg-reductions.
//
// A running sum of floats has one order, so a line is one chain of additions in one thread: what runs at once
// is the lines. Where lines are columns, neighbouring threads read neighbouring elements. Where they are
// rows, a warp takes 32 of them and passes tiles of 32 x 32 through shared memory, with a pitch of 33
// elements, so that global memory is touched along the rows and shared memory without bank conflicts.
#include <algorithm>

#include "compiler/codegen/cuda/op_emitter.h"
#include "compiler/codegen/cuda/order_key.h"

namespace leat::compiler::codegen {
namespace {

using runtime::cuda::kBackward;
using runtime::cuda::kExclusive;

class OrderedEmitter final : OpEmitter {
 public:
  OrderedEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
      : OpEmitter(kernel, target, module) {}

  void Emit() {
    switch (kernel_.code) {
      case Code::window: EmitWindow(); return;
      case Code::scan: EmitScan(); return;
      case Code::scan_rows: EmitScanRows(); return;
      case Code::arg: EmitArg(); return;
      default: EmitArgRows(); return;
    }
  }

 private:
  static constexpr std::int64_t kTile = 32, kPitch = 33;

  DType accumulator() const { return accumulator_dtype(kernel_.dtype); }
  llvm::Value* Widen(llvm::Value* x) {
    return accumulator() == kernel_.dtype ? x
                                          : emit_convert(ir::Op::convert, kernel_.dtype, accumulator(), x);
  }
  llvm::Value* Round(llvm::Value* x) {
    return accumulator() == kernel_.dtype ? x
                                          : emit_convert(ir::Op::convert, accumulator(), kernel_.dtype, x);
  }
  llvm::Value* Start() { return reduction_start(kernel_.op, accumulator()); }
  llvm::Value* Join(llvm::Value* a, llvm::Value* b) { return emit_join(kernel_.op, accumulator(), a, b); }

  // numbers: results, then result extent, x extent, window, stride, low, dilation, x stride by dimension
  void EmitWindow() {
    Each(n_[0], [&](I i) {
      I base = Zero(), rest = i;
      std::vector<I> counts(kernel_.rank), steps(kernel_.rank);
      Flag none(b_.getFalse());
      for (unsigned d = kernel_.rank; d-- > 0;) {
        const I *n = &n_[1 + 7 * d], results = n[0], extent = n[1], window = n[2], dilation = n[5];
        const I at = (d == 0 ? rest : Mod(rest, results)) * n[3] - n[4];
        rest = Div(rest, results);
        const I first = Div(Max(Zero() - at, Zero()) + dilation - I(1), dilation);
        const I past =
            select(extent <= at, Zero(), Min(window, Div(Max(extent - I(1) - at, Zero()), dilation) + I(1)));
        counts[d] = Max(past - first, Zero());
        none = none | (counts[d] == Zero());
        base = base + (at + first * dilation) * n[6];
        steps[d] = dilation * n[6];
      }
      llvm::Value* joined = Slide(0, base, counts, steps, Start());
      joined = b_.CreateSelect(none.v, reduction_empty(kernel_.op, accumulator()), joined);
      Store(kernel_.dtype, Round(joined), p_[1], i);
    });
  }

  llvm::Value* Slide(unsigned d, I at, const std::vector<I>& counts, const std::vector<I>& steps,
                     llvm::Value* joined) {
    if (d == kernel_.rank) return Join(joined, Widen(Load(kernel_.dtype, p_[0], at)));
    return Loop(Zero(), counts[d], I(1), {joined}, [&](I w, Values v) {
      return Values{Slide(d + 1, at + w * steps[d], counts, steps, v[0])};
    })[0];
  }

  I Along(I n, I extent) const { return (kernel_.variant & kBackward) != 0 ? extent - I(1) - n : n; }

  /// One step of a running reduction: what is stored for element `n` of a line, and the value after it.
  llvm::Value* Advance(I n, llvm::Value* x, llvm::Value*& running) {
    llvm::Value* before = running;
    running = Join(before, Widen(x));
    if ((kernel_.variant & kExclusive) == 0) return Round(running);
    llvm::Value* identity = reduction_empty(kernel_.op, accumulator());
    return Round(b_.CreateSelect((n == Zero()).v, identity, before));
  }

  // numbers: lines, extent, inner
  void EmitScan() {
    constexpr std::int64_t kUnroll = 8;  // loads that do not wait for one another
    const I extent = n_[1], inner = n_[2], whole = extent & I(-kUnroll);
    Each(n_[0], [&](I line) {
      const I base = Div(line, inner) * extent * inner + Mod(line, inner);
      const auto some = [&](I first, std::int64_t n, llvm::Value* running) {
        Values x;
        for (std::int64_t k = 0; k < n; ++k)
          x.push_back(Load(kernel_.dtype, p_[0], base + Along(first + I(k), extent) * inner));
        for (std::int64_t k = 0; k < n; ++k) {
          llvm::Value* y = Advance(first + I(k), x[static_cast<std::size_t>(k)], running);
          Store(kernel_.dtype, y, p_[1], base + Along(first + I(k), extent) * inner);
        }
        return Values{running};
      };
      const Values most =
          Loop(Zero(), whole, I(kUnroll), {Start()}, [&](I i, Values v) { return some(i, kUnroll, v[0]); });
      Loop(whole, extent, I(1), most, [&](I i, Values v) { return some(i, 1, v[0]); });
    });
  }

  // numbers: rows, extent
  void EmitScanRows() {
    const I rows = n_[0], extent = n_[1];
    llvm::Type* type = WordType();
    const int bytes = WordBytes();
    const auto tile = [&](I row, I column) { return At(type, entry_.shared, row * I(kPitch) + column); };
    EachBlock(CeilDiv(rows, I(kTile)), [&](I strip) {
      const I row0 = strip * I(kTile);
      const Flag mine = row0 + thread_ < rows;
      Loop(Zero(), extent, I(kTile), {Start()}, [&](I column0, Values v) {
        // Rows and columns beyond the ends are read at the ends and used by nobody.
        const I column = Along(Min(column0 + thread_, extent - I(1)), extent);
        Loop(Zero(), I(kTile), I(8), [&](I r) {
          Values x;
          for (std::int64_t k = 0; k < 8; ++k) {
            const I row = Min(row0 + r + I(k), rows - I(1));
            x.push_back(LoadWord(type, At(type, p_[0], row * extent + column), bytes));
          }
          for (std::int64_t k = 0; k < 8; ++k)
            StoreWord(x[static_cast<std::size_t>(k)], tile(r + I(k), thread_), bytes);
        });
        Barrier();
        const I present = select(mine, Min(I(kTile), extent - column0), Zero());
        const Values after = Loop(Zero(), present, I(1), v, [&](I c, Values running) {
          llvm::Value* x = Load(kernel_.dtype, entry_.shared, thread_ * I(kPitch) + c);
          llvm::Value* y = Advance(column0 + c, x, running[0]);
          Store(kernel_.dtype, y, entry_.shared, thread_ * I(kPitch) + c);
          return running;
        });
        Barrier();
        If(column0 + thread_ < extent, [&] {
          Loop(Zero(), Min(I(kTile), rows - row0), I(1), [&](I r) {
            llvm::Value* y = LoadWord(type, tile(r, thread_), bytes);
            StoreWord(y, At(type, p_[1], (row0 + r) * extent + column), bytes);
          });
        });
        // Of the next tile, each column is written by the thread that has just read it.
        return after;
      });
    });
  }

  I Key(I at) {
    llvm::Value* x = Load(kernel_.dtype, p_[0], at);
    llvm::Value* key = emit_order_key(kernel_.dtype, x, kernel_.op == ir::Op::arg_max, false);
    return I(b_.CreateZExt(key, b_.getInt64Ty()));
  }
  static Flag Below(I a, I b) { return Flag(ir_builder().CreateICmpULT(a.v, b.v)); }

  /// The least key of elements first, first + step, ... of a line, and where: {key, index}.
  Values Least(I base, I first, I extent, I step, I inner) {
    const Values none = {I(-1).v, I(std::numeric_limits<std::int64_t>::max()).v};
    return Loop(first, extent, step, none, [&](I i, Values best) {
      const I key = Key(base + i * inner);
      const I at(best[1]);
      // The greatest key is no less than that of nothing, but it is something.
      const Flag wins = Below(key, I(best[0])) | ((key == I(best[0])) & (i < at));
      return Values{select(wins, key, I(best[0])).v, select(wins, i, at).v};
    });
  }

  // numbers: lines, extent, inner
  void EmitArg() {
    Each(n_[0], [&](I line) {
      const I base = Div(line, n_[2]) * n_[1] * n_[2] + Mod(line, n_[2]);
      StoreWord(Least(base, Zero(), n_[1], I(1), n_[2])[1], At(b_.getInt64Ty(), p_[1], line), 8);
    });
  }

  // numbers: rows, extent. Shared: a key and an index of each thread.
  void EmitArgRows() {
    const auto slot = [&](I thread, std::int64_t part) {
      return At(b_.getInt64Ty(), entry_.shared, thread + I(part) * threads_);
    };
    const auto load = [&](I thread, std::int64_t part) {
      return I(LoadWord(b_.getInt64Ty(), slot(thread, part), 8));
    };
    EachBlock(n_[0], [&](I row) {
      const Values mine = Least(row * n_[1], thread_, n_[1], threads_, I(1));
      StoreWord(mine[0], slot(thread_, 0), 8);
      StoreWord(mine[1], slot(thread_, 1), 8);
      Barrier();
      for (std::int64_t half = runtime::cuda::threads_of(kernel_) / 2; half > 0; half /= 2) {
        If(thread_ < I(half), [&] {
          const I a = load(thread_, 0), b = load(thread_ + I(half), 0);
          const I i = load(thread_, 1), k = load(thread_ + I(half), 1);
          If(Below(b, a) | ((a == b) & (k < i)), [&] {
            StoreWord(b.v, slot(thread_, 0), 8);
            StoreWord(k.v, slot(thread_, 1), 8);
          });
        });
        if (half > 1) Barrier();  // thread 0 reads its own
      }
      If(thread_ == Zero(), [&] { StoreWord(load(Zero(), 1).v, At(b_.getInt64Ty(), p_[1], row), 8); });
      Barrier();
    });
  }
};

}  // namespace

void emit_ordered(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  OrderedEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
