// What a convolution on tiles may do with its sums while they are in registers.
//
// Of each sum: y = minimum(maximum((sum + channel) + term, low), high), where term is an element of an array
// like the result, or such an element + a number of its channel. Each part may be absent; each op rounds, so
// the bits are those of the ops one by one. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>

#include "runtime/cpu/contraction.h"

namespace leat::runtime::cpu {

struct TileEpilogue {
  /// Numbers, one for each channel: the block of a block of channels starts `block_step` elements after the
  /// one before.
  struct Channels {
    std::int64_t block_step = 0;
  };
  std::optional<Channels> channel;        // added to the sum
  bool array = false;                     // then an element is
  std::optional<Channels> array_channel;  // to which this is added first
  std::optional<float> low, high;

  /// "+channel +(array+channel) max 0 min 6"
  std::string ToString() const;
};

/// A convolution whose sums can be finished so.
class TiledConvolution : public StepBody {
 public:
  virtual const ConvolutionDescriptor& descriptor() const = 0;
  /// The same convolution with the epilogue. Its uses: x, w, out, then those of channel, array and
  /// array_channel that there are. REQUIRES: a result in blocks, no epilogue so far, no NaN as a bound, no -0
  /// as `high`.
  virtual std::shared_ptr<const StepBody> With(const TileEpilogue& epilogue) const = 0;
};

}  // namespace leat::runtime::cpu
