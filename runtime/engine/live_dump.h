// What every engine of the process is doing, on demand or when a signal arrives.
//
// The handler, installed only where it was asked for, writes one byte to a pipe and nothing else; a thread of
// its own reads the pipe and writes the text. The variable LEAT_DUMP_SIGNAL names a signal ("USR1"), and,
// behind a colon, a file that the text is appended to instead of stderr. It is read when the first engine is
// made. Any thread.
#pragma once

#include <memory>
#include <string>

#include "leat/status.h"

namespace leat::runtime {

class EngineCore;

/// Of every engine that lives (and knows itself by know_engine).
std::string describe_engines();
/// From now on `signal` writes describe_engines() to the file, or to stderr where `path` is empty.
/// invalid_argument for a signal that cannot be caught, failed_precondition if another one was chosen before.
Status dump_on_signal(int signal, std::string path);

void know_engine(const std::shared_ptr<EngineCore>& core);

}  // namespace leat::runtime
