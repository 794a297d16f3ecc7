// Looking at a program while it runs: what a value waits for, and what everything else does.
//
// Nothing here blocks on work in flight. Without dump_on_signal (or LEAT_DUMP_SIGNAL in the environment) no
// signal handler is installed. Any thread.
//
//   std::cerr << explain(loss);          // which run, which step, which line, which inputs are missing
//   dump_on_signal(SIGUSR1);             // kill -USR1 PID prints describe_engines() to stderr
//   LEAT_DUMP_SIGNAL=USR1:/tmp/leat.txt ./program      // the same, without a change of the program
#pragma once

#include <string>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

/// What this tensor is waiting for; "ready", its fault, or "not asked for yet".
inline std::string explain(const Tensor& tensor) { return tensor.explain(); }

/// Every engine of the process: runs in flight with their bytes, running steps, missing inputs and faults.
std::string describe_engines();

/// From now on this signal appends describe_engines() to the file, or writes it to stderr where `path` is
/// empty. The handler only writes to a pipe. invalid_argument for what cannot be caught, failed_precondition
/// if another signal was chosen before; once chosen it stays.
Status dump_on_signal(int signal, const std::string& path = "");

}  // namespace leat
#pragma GCC visibility pop
