// Tracing: running a user's function once on placeholders, to see what it computes.
//
// A Trace is active on one thread while the function runs. Nodes made meanwhile are marked: asking for
// their value throws. Draws from a Generator become placeholders too, remembered with the generator's
// state, so that each later call takes fresh counters.
#pragma once

#include <memory>
#include <vector>

#include "leat/random.h"
#include "leat/tensor.h"

namespace leat::frontend {

struct GeneratorDraw {
  std::shared_ptr<GeneratorState> state;
  std::uint64_t offset = 0;  // draws since the trace began
  std::uint64_t seed = 0, counter = 0;
};

class Trace {
 public:
  explicit Trace(std::uint32_t context);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  /// The trace of this thread, or null.
  static Trace* current();

  /// A placeholder of ordinal `placeholders()`.
  Tensor AddPlaceholder(DType dtype, const Shape& shape, SourceLocation where);
  std::uint32_t placeholders() const { return count_; }
  std::uint32_t context() const { return context_; }
  /// Set by the traced function: the tensors that it captures are no hidden inputs, but constants of the
  /// plan, if their values are there. They are folded, and operands of contractions are packed once.
  bool keeps_captured = false;
  /// By placeholder ordinal - first draw.
  std::vector<std::pair<std::uint32_t, GeneratorDraw>> draws;

 private:
  std::uint32_t context_;
  std::uint32_t count_ = 0;
  Trace* outer_;
};

/// While it lives this thread traces nothing: what is built does not depend on the arguments of the traced
/// function, has a value of its own, and is captured where the function uses it.
class Untraced {
 public:
  Untraced();
  ~Untraced();
  Untraced(const Untraced&) = delete;
  Untraced& operator=(const Untraced&) = delete;

 private:
  Trace* trace_;
  int depth_;
};

/// u64[2]: (seed, counter * 2^32) as a leaf; a placeholder while tracing.
Tensor generator_key(const std::shared_ptr<GeneratorState>& state, SourceLocation where);

}  // namespace leat::frontend
