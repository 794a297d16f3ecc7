// The files of page/, compiled in by cmake/embed.cmake.
#pragma once

#include <string_view>

namespace leat::frontend {

/// Its content; empty for a name that is none of them.
std::string_view page_file(std::string_view name);

}  // namespace leat::frontend
