// What kernels of products share: two tiles in shared memory, multiplied into results in registers.
//
// A block is 16 x 16 threads. A tile is laid out [depth, line] and already in the type of the sums; a thread
// has `each` lines of either side, in groups of up to 4 neighbours, 16 groups apart, so that reads are 16
// bytes wide and the threads of a warp read either the same or neighbouring ones: no bank conflict. A pitch
// of 4 elements more than the lines keeps writes across the depth to at most two threads a bank.
//
//   sums = Multiply({Zero(), 4, 68}, {I(bytes), 4, 68}, depth, sums);   // 64 x 64 results a block
#pragma once

#include "compiler/codegen/cuda/op_emitter.h"

namespace leat::compiler::codegen {

class TileEmitter : protected OpEmitter {
 protected:
  static constexpr int kThreads = 16;

  TileEmitter(const OpKernel& kernel, const CodeTarget& target, llvm::Module& module);

  /// A tile in shared memory: element (depth, line) lies depth * pitch + line elements after byte `at`.
  struct Tile {
    I at;
    int each;  // lines of a thread; 16 times as many of the block
    int pitch;
  };
  static int PitchOf(int each) { return each * kThreads + 4; }
  I PlaceIn(const Tile& tile, I depth, I line) const {
    return tile.at + (depth * I(tile.pitch) + line) * I(bytes_);
  }
  /// The i-th line of the thread that is `thread`-th along the side.
  static I LineOf(int each, I thread, int i) {
    const int group = std::min(each, 4);
    return thread * I(group) + I(i / group * group * kThreads + i % group);
  }

  bool Has(std::uint8_t bit) const { return (kernel_.variant & bit) != 0; }
  llvm::Value* Widen(DType from, llvm::Value* x);
  llvm::Value* Nought(bool negative);
  llvm::Value* MultiplyAdd(llvm::Value* x, llvm::Value* y, llvm::Value* sum);
  /// The lines of the `thread`-th thread at `depth`, of elements that have `bytes`.
  Values LoadLines(const Tile& tile, llvm::Type* element, int bytes, I depth, I thread);
  /// The same the other way round, of elements of the sums.
  void StoreLines(const Tile& tile, const Values& values, I depth, I thread);
  /// Adds the products of `depth` elements of the thread's lines to sums[x.each][y.each]. `present`: where
  /// flags [depth, line of y] begin, without which a product is no term.
  Values Multiply(const Tile& x, const Tile& y, I depth, Values sums, const I* present = nullptr);

  const DType accumulator_;
  llvm::Type* const type_;  // of the accumulator
  const int bytes_;         // the same
  const I down_, across_;   // the thread's number along either side
};

}  // namespace leat::compiler::codegen
