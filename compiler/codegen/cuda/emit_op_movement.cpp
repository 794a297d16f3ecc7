// Data movement: every word of the result comes from one address, which is all that the ops differ in.
//
// A thread takes up to four words, a grid apart, and loads all of them before it stores the first: 16 bytes
// in flight for each thread, which at full occupancy (2,048 threads) covers the latency of the memory.
#include "compiler/codegen/cuda/op_emitter.h"

namespace leat::compiler::codegen {
namespace {

class MovementEmitter final : OpEmitter {
 public:
  MovementEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module)
      : OpEmitter(kernel, target, module) {}

  void Emit() {
    if (kernel_.code == Code::fault) {
      NoteFault(Flag(b_.getTrue()));
      return;
    }
    const int bytes = WordBytes();
    const std::int64_t unroll = std::max(1, std::min(4, 16 / bytes));
    llvm::Type* type = WordType();
    llvm::Value* out = p_.back();
    const I count = n_[0], stride = blocks_ * threads_;
    const auto some = [&](I first, std::int64_t n) {
      Values words;
      for (std::int64_t k = 0; k < n; ++k) words.push_back(Read(type, first + I(k) * stride, bytes));
      for (std::int64_t k = 0; k < n; ++k)
        StoreWord(words[static_cast<std::size_t>(k)], At(type, out, Destination(first + I(k) * stride)),
                  bytes);
    };
    const I first = block_ * threads_ + thread_;
    if (unroll == 1) {
      Loop(first, count, stride, [&](I i) { some(i, 1); });
      return;
    }
    // Rounds in which this thread has all of its words.
    const I span = stride * I(unroll), rounds = Div(Max(count - first + stride - I(1), Zero()), span);
    const I rest = first + rounds * span;
    Loop(first, rest, span, [&](I i) { some(i, unroll); });
    Loop(rest, count, stride, [&](I i) { some(i, 1); });
  }

 private:
  llvm::Value* Word(llvm::Value* base, I index) { return At(WordType(), base, index); }

  /// An index, checked: one outside of [0, extent) is noted, and becomes 0.
  I Checked(llvm::Value* base, I at, I extent) {
    const I index = LoadIndex(kernel_.second, base, at);
    const Flag bad(b_.CreateICmpUGE(index.v, extent.v));
    NoteFault(bad);
    return select(bad, Zero(), index);
  }

  /// Word i of the result.
  llvm::Value* Read(llvm::Type* type, I i, int bytes) {
    if (kernel_.code != Code::im2col) return LoadWord(type, Source(i), bytes);
    Flag inside(b_.getTrue());
    llvm::Value* const source = ColumnSource(i, inside);
    if ((kernel_.variant & runtime::cuda::kAbsentTaps) == 0) return LoadWord(type, source, bytes);
    // What lies outside reads the first word, which is there.
    llvm::Value* const word = LoadWord(type, b_.CreateSelect(inside.v, source, p_[0]), bytes);
    return b_.CreateSelect(inside.v, word, llvm::Constant::getNullValue(type));
  }

  /// The address of word i of the result.
  llvm::Value* Source(I i) {
    switch (kernel_.code) {
      case Code::gather: return GatherSource(i);
      case Code::gather_elements: return GatherElementsSource(i);
      case Code::gather_nd: return GatherNdSource(i);
      case Code::pad: return PadSource(i);
      case Code::concat: return ConcatSource(i);
      case Code::take: return TakeSource(i);
      case Code::dynamic_slice: return SliceSource(i);
      case Code::dynamic_update_slice: return UpdateSource(i);
      default: return nullptr;
    }
  }

  // numbers: words, indices, run, extent; pointers: x, indices, out
  llvm::Value* GatherSource(I i) {
    const I run = n_[2], place = Div(i, run), outer = Div(place, n_[1]);
    const I index = Checked(p_[1], Mod(place, n_[1]), n_[3]);
    return Word(p_[0], (outer * n_[3] + index) * run + Mod(i, run));
  }

  // numbers: words, extent, step, then result extents and x strides by dimension (that of the axis is 0)
  llvm::Value* GatherElementsSource(I i) {
    I at = Checked(p_[1], i, n_[1]) * n_[2];
    I rest = i;
    for (unsigned d = kernel_.rank; d-- > 0;) {
      const I index = d == 0 ? rest : Mod(rest, n_[3 + d]);
      at = at + index * n_[3u + kernel_.rank + d];
      rest = Div(rest, n_[3 + d]);
    }
    return Word(p_[0], at);
  }

  // rank: the indices of a tuple. numbers: words, tuples of a batch, run, words of a batch of x, then extents
  // and strides (in words) by index
  llvm::Value* GatherNdSource(I i) {
    const I run = n_[2], tuple = Div(i, run);
    I at = Div(tuple, n_[1]) * n_[3] + Mod(i, run);
    for (unsigned k = 0; k < kernel_.rank; ++k) {
      const I index = Checked(p_[1], tuple * I(kernel_.rank) + I(k), n_[4 + k]);
      at = at + index * n_[4u + kernel_.rank + k];
    }
    return Word(p_[0], at);
  }

  // numbers: words, then result extent, x extent, low, interior + 1, x stride by dimension; pointers: x,
  // value, out
  llvm::Value* PadSource(I i) {
    I at = Zero(), rest = i;
    Flag inside(b_.getTrue());
    for (unsigned d = kernel_.rank; d-- > 0;) {
      const I *n = &n_[1 + 5 * d], extent = n[0];
      const I place = (d == 0 ? rest : Mod(rest, extent)) - n[2];
      rest = Div(rest, extent);
      // A negative place gives an index beyond any extent: both are unsigned there.
      const I index = Div(place, n[3]);
      inside = inside & Flag(b_.CreateICmpULT(index.v, n[1].v)) & (index * n[3] == place) & (place >= Zero());
      at = at + index * n[4];
    }
    return b_.CreateSelect(inside.v, Word(p_[0], at), p_[1]);
  }

  /// Where word i of what this launch writes lies in the result.
  I Destination(I i) { return kernel_.code == Code::concat ? Div(i, n_[1]) * n_[2] + Mod(i, n_[1]) : i; }

  // rank: operands. numbers: words, a row of these operands, a row of the result, then where each operand
  // begins and its own row
  llvm::Value* ConcatSource(I i) {
    const I row = Div(i, n_[1]), within = Mod(i, n_[1]);
    llvm::Value* source = nullptr;
    for (unsigned k = 0; k < kernel_.rank; ++k) {
      const I begin = n_[3 + 2 * k], own = n_[4 + 2 * k];
      llvm::Value* here = Word(p_[k], row * own + (within - begin));
      source = k == 0 ? here : b_.CreateSelect((within >= begin).v, here, source);
    }
    return source;
  }

  // rank: spatial dimensions. numbers: words, then positions, taps, x extent, stride, low, dilation by
  // dimension; pointers: x, out. The result is [plane of x, taps..., positions...].
  llvm::Value* ColumnSource(I i, Flag& inside) {
    std::vector<I> place;
    I rest = i;
    for (unsigned d = kernel_.rank; d-- > 0;) {
      const I* n = &n_[1 + 6 * d];
      place.insert(place.begin(), Mod(rest, n[0]) * n[3] - n[4]);
      rest = Div(rest, n[0]);
    }
    for (unsigned d = kernel_.rank; d-- > 0;) {
      const I* n = &n_[1 + 6 * d];
      place[d] = place[d] + Mod(rest, n[1]) * n[5];
      rest = Div(rest, n[1]);
    }
    I at = rest;
    for (unsigned d = 0; d < kernel_.rank; ++d) {
      const I extent = n_[3 + 6 * d];
      // A negative place is beyond any extent: both are unsigned here.
      inside = inside & Flag(b_.CreateICmpULT(place[d].v, extent.v));
      at = at * extent + place[d];
    }
    return Word(p_[0], at);
  }

  // numbers: words, elements of a result line, inner, elements of a line of x; pointers: x, u32 indices
  // line by line, out
  llvm::Value* TakeSource(I i) {
    const I kept = n_[1], inner = n_[2], outer = Div(i, kept * inner), within = Mod(i, inner);
    const I at = (outer * inner + within) * kept + Mod(Div(i, inner), kept);
    const I index(b_.CreateZExt(Load(DType::u32, p_[1], at), b_.getInt64Ty()));
    return Word(p_[0], (outer * n_[3] + index) * inner + within);
  }

  // numbers: words, then result extent, the greatest start, x stride by dimension; pointers: x, a start by
  // dimension, out
  llvm::Value* SliceSource(I i) {
    I at = Zero(), rest = i;
    for (unsigned d = kernel_.rank; d-- > 0;) {
      const I* n = &n_[1 + 3 * d];
      const I start = Max(Min(LoadIndex(kernel_.second, p_[1 + d], Zero()), n[1]), Zero());
      at = at + (start + (d == 0 ? rest : Mod(rest, n[0]))) * n[2];
      rest = Div(rest, n[0]);
    }
    return Word(p_[0], at);
  }

  // numbers: words, then x extent, the greatest start, update extent, update stride by dimension; pointers:
  // x, update, a start by dimension, out
  llvm::Value* UpdateSource(I i) {
    I at = Zero(), rest = i;
    Flag inside(b_.getTrue());
    for (unsigned d = kernel_.rank; d-- > 0;) {
      const I* n = &n_[1 + 4 * d];
      const I start = Max(Min(LoadIndex(kernel_.second, p_[2 + d], Zero()), n[1]), Zero());
      const I index = (d == 0 ? rest : Mod(rest, n[0])) - start;
      rest = Div(rest, n[0]);
      inside = inside & Flag(b_.CreateICmpULT(index.v, n[2].v));
      at = at + index * n[3];
    }
    return b_.CreateSelect(inside.v, Word(p_[1], at), Word(p_[0], i));
  }
};

}  // namespace

void emit_movement(const runtime::cuda::OpKernel& kernel, const CodeTarget& target, llvm::Module& module) {
  MovementEmitter(kernel, target, module).Emit();
}

}  // namespace leat::compiler::codegen
