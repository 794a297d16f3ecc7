#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/check_graph.h"
#include "compiler/reduce_graph.h"
#include "ir/printer.h"
#include "tools/leat/session.h"

namespace leat::tool {
namespace {

struct ReduceOptions {
  SessionOptions session;
  std::string command;
  std::string output;
  double timeout = 60;
  std::int64_t max_tries = 5000;
  bool quiet = false;
};

constexpr int kTimedOut = -1;

// The exit code of a shell command, 128 + signal where one ended it, kTimedOut where it took too long.
int run_command(const std::string& command, double timeout) {
  const pid_t child = ::fork();
  if (child < 0) return 127;
  if (child == 0) {
    ::setpgid(0, 0);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::setpgid(child, child);  // in both, whichever is first
  const auto end = Clock::now() + std::chrono::duration<double>(timeout);
  auto pause = std::chrono::microseconds(200);
  int state = 0;
  while (::waitpid(child, &state, WNOHANG) == 0) {
    if (Clock::now() > end) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &state, 0);
      return kTimedOut;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(20000));
  }
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

// The file that the command is given, removed in the end.
class Candidate {
 public:
  Candidate() {
    path_ =
        (std::filesystem::temp_directory_path() / absl::StrCat("leat_reduce.", ::getpid(), ".leat")).string();
  }
  ~Candidate() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  int Run(const ReduceOptions& options, const ir::Graph& graph) const {
    std::ofstream(path_) << ir::print(graph);
    const bool placed = options.command.find("{}") != std::string::npos;
    const std::string command = placed ? absl::StrReplaceAll(options.command, {{"{}", path_}})
                                       : absl::StrCat(options.command, " ", path_);
    return run_command(command, options.timeout);
  }

 private:
  std::string path_;
};

Status reduce(const ReduceOptions& options) {
  // With --command nothing is compiled here: that may be what crashes.
  const StatusOr<ir::Graph> graph_or = load_program(options.session.file, {.locate = true});
  if (!graph_or.ok()) return graph_or.status();
  const ir::Graph& graph = *graph_or;
  std::unique_ptr<Session> session;
  const Candidate candidate;
  std::string head;
  std::function<bool(const ir::Graph&)> fails;
  if (options.command.empty()) {
    if (!options.session.inputs.inputs.empty()) {
      throw BadCall{"-i: the inputs of a program that shrinks cannot come from files; give --seed"};
    }
    StatusOr<std::unique_ptr<Session>> opened = Session::Open(options.session);
    if (!opened.ok()) return opened.status();
    session = *std::move(opened);
    const InputFiles& inputs = options.session.inputs;
    const auto report_of = [&](const ir::Graph& g) -> StatusOr<compiler::CheckReport> {
      const StatusOr<std::vector<ir::Array>> arrays = load_inputs(g, inputs);
      if (!arrays.ok()) return arrays.status();
      return compiler::check_graph(g, *arrays, session->compile_options, *session->code, *session->engine);
    };
    const StatusOr<compiler::CheckReport> report = report_of(graph);
    if (!report.ok()) return report.status();
    if (report->agrees()) {
      return Status(Code::invalid_argument,
                    options.session.file.path +
                        ": the compiled program agrees with the interpreter: nothing to "
                        "reduce (other inputs: --seed; another failure: --command)");
    }
    head = absl::StrCat("// leat check --seed ", inputs.seed, " finds it wrong\n");
    const std::string pass = report->divergence->pass;
    fails = [report_of, pass](const ir::Graph& g) {
      const StatusOr<compiler::CheckReport> r = report_of(g);
      return r.ok() && !r->agrees() && r->divergence->pass == pass;
    };
  } else {
    const int code = candidate.Run(options, graph);
    if (code == 0) {
      return Status(Code::invalid_argument,
                    absl::StrCat(options.session.file.path, ": the command ends with 0: nothing to reduce"));
    }
    head = absl::StrCat("// ", options.command,
                        code == kTimedOut ? " takes too long" : absl::StrCat(" ends with ", code), "\n");
    fails = [&options, &candidate, code](const ir::Graph& g) { return candidate.Run(options, g) == code; };
  }
  // The file always has the smallest one that is known: what can not be written is known before the work, and
  // whoever has waited enough may stop it.
  const auto keep = [&](const ir::Graph& g) {
    return options.output.empty() ? Status() : write_output(options.output, head + ir::print(g));
  };
  if (Status s = keep(graph); !s.ok()) return s;
  const bool tells = !options.quiet && ::isatty(STDERR_FILENO) == 1;
  compiler::ReduceOptions reduce_options{.max_tries = options.max_tries, .progress = {}};
  reduce_options.progress = [&](std::string_view how, const ir::Graph& g) {
    keep(g).IgnoreError();  // the last one tells
    if (!tells) return;
    std::fprintf(stderr, "leat reduce: %zu nodes (%.*s)\n", g.nodes.size(), static_cast<int>(how.size()),
                 how.data());
  };
  const ir::Graph small = compiler::reduce_graph(graph, fails, reduce_options);
  return write_output(options.output, head + ir::print(small));
}

}  // namespace

void add_reduce_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<ReduceOptions>();
  CLI::App* command = app.add_subcommand("reduce", "the smallest program that still fails");
  add_session_options(command, &o->session);
  command->add_option(
      "--command", o->command,
      "what fails: a shell command, given the file as {} or behind it, that ends with the same "
      "code, not 0");
  command->add_option("-o,--output", o->output, "the file to write text IR to; stdout if not given");
  command->add_option("--timeout", o->timeout, "seconds that the command may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--max-tries", o->max_tries, "programs that are tried")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->capture_default_str();
  command->add_flag("--quiet", o->quiet, "no line for each step, which there is on a terminal only");
  command->footer(
      "Without --command, what fails is leat check, with the same pass at fault. Nodes, extents and "
      "constants\n"
      "shrink; the result is text IR.\n"
      "Example: leat reduce model.onnx --size batch=1 -o small.leat\n"
      "         leat reduce big.leat --command 'leat run {}' -o small.leat");
  command->callback([o, status] { *status = reduce(*o); });
}

}  // namespace leat::tool
