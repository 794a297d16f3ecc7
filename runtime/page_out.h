// Memory that will not be read soon.
#pragma once

#include <cstdint>

namespace leat::runtime {

/// Whole pages of it that a file backs (a model's, mapped) leave this process; nothing is lost, and they are
/// read again where somebody asks. A wish: the system may not grant it.
void page_out(const void* data, std::int64_t bytes);

}  // namespace leat::runtime
