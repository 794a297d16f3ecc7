// Text -> graph. An error names the line and column, and is the same error that building would give.
#pragma once
#include <string_view>

#include "ir/graph.h"

namespace leat::ir {
/// `source_name` appears in errors ("layer.leat:3:17: ..."). A file may hold several graphs; the
/// first is returned and the others may be named by cond, while_loop and fused (@name).
/// Text without a `graph` header is a body whose parameters are its free names.
StatusOr<Graph> parse(std::string_view text, std::string_view source_name = "<text>");
}  // namespace leat::ir
