// leat: how a person sees a program. Exit code 0; 1 where the program or its input is bad; 2 where the call
// is.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/leat/commands.h"

namespace {

using leat::Status;
using namespace leat::tool;

constexpr int kBadInput = 1, kBadCall = 2;

std::string explain(const CLI::App& app, int argc, char** argv, const CLI::ParseError& e) {
  const std::string command = argc > 1 ? argv[1] : "";
  bool known = command.empty() || command[0] == '-';
  std::string names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    known = known || sub->get_name() == command;
    names += (names.empty() ? "" : ", ") + sub->get_name();
  }
  if (!known) return "there is no command " + command + "; commands: " + names;
  return std::string(e.what()) + "; see leat " + (command.empty() || command[0] == '-' ? "" : command + " ") +
         "--help";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"leat: dump, run, time, trace and check programs of text IR and ONNX models"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "leat " LEAT_VERSION);
  app.footer("leat COMMAND --help has the options and an example. Sample programs: examples/programs.");
  Status status;
  add_info_command(app, &status);
  add_ops_command(app, &status);
  add_dump_command(app, &status);
  add_inspect_command(app, &status);
  add_run_command(app, &status);
  add_bench_command(app, &status);
  add_trace_command(app, &status);
  add_check_command(app, &status);
  add_reduce_command(app, &status);
  add_export_command(app, &status);
  add_manual_commands(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::fprintf(stderr, "leat: %s\n", explain(app, argc, argv, e).c_str());
    return kBadCall;
  } catch (const BadCall& e) {
    std::fprintf(stderr, "leat: %s\n", e.message.c_str());
    return kBadCall;
  } catch (const ExitCode& e) {
    return e.code;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "leat: %s\n", e.what());
    return kBadInput;
  }
  if (status.ok() && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)) {
    status = Status(leat::Code::failed_precondition, std::string("stdout: ") + std::strerror(errno));
  }
  if (status.ok()) return 0;
  std::fflush(stdout);
  std::fprintf(stderr, "leat: %s\n", status.ToString().c_str());
  return kBadInput;
}
