// The machine that code is generated for, as plain data: what emission decides by, and what keys a cache.
//
// Everything that differs between targets is a field here, so that one emitter serves them all. Immutable
// values; any thread.
//
//   const CodeTarget target = host_target(0);   // as wide as the host
//   target.lanes_of(4);                         // f32 lanes in one register
#pragma once

#include <string>

namespace leat::compiler::codegen {

struct CodeTarget {
  std::string triple;
  std::string cpu;
  std::string features;         // "+avx,+avx2,...", sorted
  int vector_bits = 128;        // of the vectors that emission works with
  int masked_bytes = 16;        // the least element size with masked loads and stores; 16: none has them
  bool hardware_fma = false;    // multiplies and adds with one rounding
  bool hardware_f16 = false;    // converts between f16 and f32
  bool hardware_scale = false;  // multiplies by powers of two (AVX-512's scalef)

  int lanes_of(int element_bytes) const { return vector_bits / 8 / element_bytes; }
  /// Everything above in one line, for cache keys.
  std::string key() const;
};

/// The machine that this process runs on. `vector_bits` 128, 256 or 512; any other: the widest that it has.
CodeTarget host_target(int vector_bits);

/// "19.1.7"
std::string llvm_version();

}  // namespace leat::compiler::codegen
