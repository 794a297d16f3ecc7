// Pictures through Graphviz: its `dot` runs as a child process.
#pragma once

#include <string>
#include <string_view>

#include "leat/status.h"

namespace leat::frontend {

/// `format` is "svg" or "png". failed_precondition where there is no `dot`, or where it says no. Any thread.
StatusOr<std::string> run_graphviz(const std::string& picture, std::string_view format);

}  // namespace leat::frontend
