// Text -> graph. The text form is described in ir/printer.h; an error names the line and column, and
// is the same error that building would give.
//
// Beyond what the printer writes, the parser takes:
// - a body without a header. Its parameters are declared on lines of their own, `%x: f32[n,8]`; without
//   a `return` its outputs are the results of its last op; its name is "main".
// - any names: `%sum = add %x %y`; no result type where the operands determine it; no `-> (...)`.
// - `matmul %x %w`: the last dimension of x with the last but one of w, leading dimensions as batch.
// - nested literals, [[1, 2], [3, 4]], and one number for a literal of any shape.
// - comments (// to the end of the line) and newlines anywhere, but operands stand on the line of their op.
// - several graphs: the first (or the body) is returned, the others may be named by cond, while_loop
//   and fused, before or after their definition, not in a circle; all are checked.
//
// Hostile text gets an error, not more memory than a small multiple of its length: at most 1 GiB of
// text, 2^22 nodes, 64 nested sub-graphs, and 256 MiB of literals that are written as one number.
//
//   StatusOr<Graph> g = parse("%x: f32[8]\n%y = exp %x", "y.leat");
//   // "y.leat:2:6: exp: takes a floating dtype (f16, bf16, f32, f64), got i32 [C5]"
#pragma once
#include <string_view>

#include "ir/graph.h"

namespace leat::ir {
struct ParseOptions {
  /// An op that does not say where it was written (`// at file:line`) was written here: source_name and the
  /// line in the text. Off by default, so that parsing what was printed gives the same graph.
  bool locate = false;
};
StatusOr<Graph> parse(std::string_view text, std::string_view source_name = "<text>",
                      const ParseOptions& options = {});
}  // namespace leat::ir
