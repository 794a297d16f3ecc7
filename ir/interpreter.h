// The oracle: every op as plain loops over dense row-major arrays, one thread, no cleverness.
//
// Everything else in Leat is compared with it bit for bit. The elementwise meanings are the
// templates of ir/meaning at float and double; the reductions follow ir/meaning/reduction.h.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace leat::ir {

/// A dense row-major array that owns its elements.
struct Array {
  Type type;  // static
  std::shared_ptr<std::byte[]> bytes;
  static Array Zeros(const Type& type);  // throws std::bad_alloc
  static Array From(const Literal& literal);
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.get());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.get());
  }
  std::size_t byte_count() const {
    return static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype);
  }
};

/// Called on the interpreting thread.
using CustomFunction = std::function<Status(std::span<const Array> inputs, std::span<Array> outputs)>;

/// The user's functions that custom_call may name. Outputs come allocated and zeroed.
struct InterpretOptions {
  const std::map<std::string, CustomFunction>* custom_calls = nullptr;
};

/// Runs a whole graph: the nodes that an output depends on, and effectful ones. Symbols take their extents
/// from the inputs. Intermediates live until their last use. A fault (division by zero, an index out of
/// range) is an out_of_range or invalid_argument Status that names the op and its location; a custom
/// function that fails or throws is custom_op_failed; no memory is resource_exhausted. A while_loop runs
/// for as long as its condition holds: there is no bound. REQUIRES: verify(graph).ok().
StatusOr<std::vector<Array>> interpret(const Graph& graph, std::span<const Array> inputs,
                                       const InterpretOptions& options = {});

/// Runs one node on raw dense buffers: `inputs[i]` and `outputs[i]` point at arrays of the node's operand
/// and result types. The slow but sure way to run any op; runtime steps use it where no faster code exists.
/// Results do not overlap operands. On a fault the results hold anything, and the Status has no location
/// (the node's graph knows it). Keeps no state: any thread, at the same time. REQUIRES: the types are
/// static and as inference gives them; `node` is not a parameter.
Status interpret_op(const Node& node, std::span<const Type> operand_types,
                    std::span<const void* const> inputs, std::span<void* const> outputs,
                    const InterpretOptions& options = {});

}  // namespace leat::ir
