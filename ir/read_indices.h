// Index operands of any integer dtype, read as 64-bit, and the fault of one that is out of range.
//
// An index is never wrapped: a negative one is as wrong as one past the end. Of several wrong ones
// the first in row-major order of the indices is reported. Stateless; any thread.
//
//   Indices at(call.inputs[1], call.operands[1]);
//   at[3];   // std::int64_t
#pragma once

#include <cstdint>
#include <vector>

#include "ir/graph.h"

namespace leat::ir {

/// Element i. A u64 above the range of int64 reads as its greatest value: out of range of any extent.
std::int64_t read_index(const void* indices, DType dtype, std::int64_t i);

/// All elements as int64; views an i64 array, copies others.
class Indices {
 public:
  Indices(const void* indices, const Type& type);
  std::int64_t operator[](std::int64_t i) const { return data_[i]; }

 private:
  std::vector<std::int64_t> copy_;
  const std::int64_t* data_;
};

/// out_of_range: "gather: index 7 at [0,3] of the indices is outside axis 1 of f32[4,5] (extent 5)".
/// `i` is the row-major position of the index in the array of type `index_type`.
Status index_fault(Op op, const void* indices, const Type& index_type, std::int64_t i, std::int64_t axis,
                   const Type& x);

}  // namespace leat::ir
