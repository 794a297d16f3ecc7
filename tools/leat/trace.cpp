#include <CLI/CLI.hpp>
#include <cstdio>

#include "compiler/frontend/dump.h"
#include "tools/leat/page_extras.h"
#include "tools/leat/session.h"

namespace leat::tool {
namespace {

struct TraceOptions {
  SessionOptions session;
  std::string path;  // where to write
  std::string format = "json";
};

// The page that `leat dump --format=html` writes, with the run on its timeline: planning is a function of the
// graph and the options, so the steps are those that ran.
StatusOr<std::string> page(const TraceOptions& options, Session& session,
                           std::vector<runtime::TraceEvent> events) {
  frontend::PageExtras extras = page_extras(options.session.file);
  extras.trace = std::move(events);
  return frontend::dump(session.graph, {.format = DumpFormat::html}, session.compile_options, *session.code,
                        extras);
}

Status trace(const TraceOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = Session::Open(options.session);
  if (!session.ok()) return session.status();
  std::vector<runtime::Ref<runtime::Value>> outputs;
  if (Status s = (*session)->Run(&outputs); !s.ok()) return s;  // warm
  (*session)->engine->SetTracing(true);
  Status status = (*session)->Run(&outputs);
  (*session)->engine->SetTracing(false);
  if (!status.ok()) return status;
  std::vector<runtime::TraceEvent> events = (*session)->engine->TakeTrace();
  const bool html = options.format == "html";
  const StatusOr<std::string> text =
      html ? page(options, **session, std::move(events)) : runtime::trace_json(events);
  if (!text.ok()) return text.status();
  if (Status s = write_output(options.path, *text); !s.ok()) return s;
  std::printf("%s: open it %s\n", options.path.c_str(), html ? "in a browser" : "at https://ui.perfetto.dev");
  return {};
}

}  // namespace

void add_trace_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<TraceOptions>();
  CLI::App* command = app.add_subcommand("trace", "a timeline of one run, for ui.perfetto.dev");
  add_session_options(command, &o->session);
  command->add_option("-o,--output", o->path, "the file to write")->required();
  command
      ->add_option("--format", o->format,
                   "json for ui.perfetto.dev, or html: a page with the graph at every stage")
      ->check(CLI::IsMember({"json", "html"}))
      ->capture_default_str();
  command->footer(
      "Example: leat trace examples/programs/mlp.leat --size n=4096 -o timeline.json\n"
      "         leat trace examples/programs/mlp.leat --size n=4096 --format=html -o mlp.html");
  command->callback([o, status] { *status = trace(*o); });
}

}  // namespace leat::tool
