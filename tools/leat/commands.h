// The subcommands of `leat`. Each has a file of its own, which declares its options and does its work: it
// prints to stdout and sets `status` to ok, or to what is wrong with the program or its input, which main
// prints (exit code 1). Options that do not fit the program throw BadCall (exit code 2).
//
//   leat run softmax.leat --size n=256 -i x=x.npy -o 0=y.npy
#pragma once

#include <string>

#include "leat/status.h"

namespace CLI {
class App;
}

namespace leat::tool {

struct BadCall {
  std::string message;
};

/// Thrown by a command that has printed all and whose answer is another exit code.
struct ExitCode {
  int code = 0;
};

void add_info_command(CLI::App& app, Status* status);
void add_ops_command(CLI::App& app, Status* status);
void add_dump_command(CLI::App& app, Status* status);
void add_inspect_command(CLI::App& app, Status* status);
void add_run_command(CLI::App& app, Status* status);
void add_bench_command(CLI::App& app, Status* status);
void add_trace_command(CLI::App& app, Status* status);
void add_check_command(CLI::App& app, Status* status);
void add_reduce_command(CLI::App& app, Status* status);
void add_export_command(CLI::App& app, Status* status);
/// manual and completion: REQUIRES: all others have been added by the time they run.
void add_manual_commands(CLI::App& app);

}  // namespace leat::tool
