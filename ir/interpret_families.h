// One function per op family: the parts of the interpreter.
//
// interpret_op() looks the family up and calls one of these. Each reads the operands of `call` and
// writes every element of its results; on a fault it returns a Status and the results hold anything.
// Buffers belong to the caller, are dense and row-major, and results do not overlap operands. No
// function keeps state, so any thread may run any of them at the same time.
//
//   Status s = interpret_view({node, operand_types, inputs, outputs, options});
#pragma once

#include <cstdint>
#include <span>

#include "ir/interpreter.h"

namespace leat::ir {

/// One node to run: its types, its buffers, and the functions that a custom_call may name.
struct OpCall {
  const Node& node;
  std::span<const Type> operands;
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  const InterpretOptions& options;

  const Attributes& attrs() const { return node.attrs(); }
  const Shape& shape(std::size_t operand) const { return operands[operand].shape; }
  const Shape& result_shape() const { return node.results[0].shape; }
  template <class T>
  const T* in(std::size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out(std::size_t i) const {
    return static_cast<T*>(outputs[i]);
  }
};

Status interpret_elementwise(const OpCall& call);
Status interpret_source(const OpCall& call);       // iota, constant
Status interpret_random_bits(const OpCall& call);  // a source with an operand
Status interpret_view(const OpCall& call);
Status interpret_movement(const OpCall& call);  // pad, concat, reorder, dynamic slices; calls the next two
Status interpret_gather(const OpCall& call);
Status interpret_scatter(const OpCall& call);
Status interpret_reduce(const OpCall& call);
Status interpret_arg_reduce(const OpCall& call);
Status interpret_cumulative(const OpCall& call);
Status interpret_window(const OpCall& call);
Status interpret_contraction(const OpCall& call);  // dot_general; calls the next two
Status interpret_convolution(const OpCall& call);
Status interpret_attention(const OpCall& call);
Status interpret_sorting(const OpCall& call);
Status interpret_control(const OpCall& call);

}  // namespace leat::ir
