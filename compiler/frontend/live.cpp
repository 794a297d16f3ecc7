#include "leat/live.h"

#include "runtime/engine/live_dump.h"

namespace leat {

std::string describe_engines() { return runtime::describe_engines(); }
Status dump_on_signal(int signal, const std::string& path) { return runtime::dump_on_signal(signal, path); }

}  // namespace leat
