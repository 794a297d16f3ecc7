#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tools/leat/session.h"

namespace leat::tool {
namespace {

struct TraceOptions {
  SessionOptions session;
  std::string path;  // where to write
};

Status trace(const TraceOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = Session::Open(options.session);
  if (!session.ok()) return session.status();
  std::vector<runtime::Ref<runtime::Value>> outputs;
  if (Status s = (*session)->Run(&outputs); !s.ok()) return s;  // warm
  (*session)->engine->SetTracing(true);
  Status status = (*session)->Run(&outputs);
  (*session)->engine->SetTracing(false);
  if (!status.ok()) return status;
  std::ofstream out(options.path);
  out << runtime::trace_json((*session)->engine->TakeTrace());
  out.close();
  if (!out) {
    return Status(Code::failed_precondition,
                  absl::StrCat(options.path, ": cannot write: ", std::strerror(errno)));
  }
  std::printf("%s: open it at https://ui.perfetto.dev\n", options.path.c_str());
  return {};
}

}  // namespace

void add_trace_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<TraceOptions>();
  CLI::App* command = app.add_subcommand("trace", "a timeline of one run, for ui.perfetto.dev");
  add_session_options(command, &o->session);
  command->add_option("-o,--output", o->path, "the file to write")->required();
  command->footer("Example: leat trace examples/programs/mlp.leat --size n=4096 -o timeline.json");
  command->callback([o, status] { *status = trace(*o); });
}

}  // namespace leat::tool
