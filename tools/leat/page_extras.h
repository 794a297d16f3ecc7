// What the page of `dump` and `trace` shows beside the program: the text of its file.
#pragma once

#include "compiler/frontend/view/json.h"
#include "tools/leat/program_file.h"

namespace leat::tool {

/// Empty where the program is no text or has no file.
frontend::PageExtras page_extras(const ProgramFile& file);

}  // namespace leat::tool
