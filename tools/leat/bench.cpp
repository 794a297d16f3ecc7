#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tools/leat/measure.h"
#include "tools/leat/session.h"

namespace leat::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSlower = 3;  // exit code: slower than the baseline

struct BenchOptions {
  SessionOptions session;
  int repetitions = 100;
  int warm_up = -1;
  int in_flight = 1;
  double tolerance = 5;  // percent
  bool per_op = false;
  bool json = false;
  std::string save, baseline;
};

// On a terminal only: nothing of it reaches a pipe or a file.
class Progress {
 public:
  Progress(const char* what, int total) : what_(what), total_(total), shown_(::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (drawn_) std::fprintf(stderr, "\r\033[K");
  }
  void At(int done) {
    if (!shown_ || us_since(last_) < 1e5) return;
    last_ = Clock::now();
    drawn_ = true;
    const int filled = 30 * done / std::max(total_, 1);
    std::fprintf(stderr, "\r%s [%s%s] %d/%d", what_,
                 std::string(static_cast<std::size_t>(filled), '#').c_str(),
                 std::string(static_cast<std::size_t>(30 - filled), '.').c_str(), done, total_);
  }

 private:
  const char* what_;
  const int total_;
  const bool shown_;
  bool drawn_ = false;
  Clock::time_point last_ = Clock::now();
};

// What a measurement is of: two are comparable where this is equal.
std::string subject(const Session& session) {
  std::string s = absl::StrCat("@", session.graph.name, "(");
  for (std::size_t i = 0; i < session.graph.parameters.size(); ++i) {
    const ir::Type& type = session.graph.nodes[session.graph.parameters[i]].type();
    absl::StrAppend(&s, i == 0 ? "" : ", ", session.graph.ToString(type));
  }
  return s + ")";
}

// Times of single runs, in order.
StatusOr<std::vector<double>> time_runs(Session& session, const BenchOptions& options) {
  std::vector<runtime::Ref<runtime::Value>> outputs;
  const int warm_up = options.warm_up >= 0 ? options.warm_up : std::max(options.repetitions / 10, 1);
  Progress progress("timing", warm_up + options.repetitions);
  std::vector<double> times;
  for (int i = 0; i < warm_up + options.repetitions; ++i) {
    const auto start = Clock::now();
    if (Status s = session.Run(&outputs); !s.ok()) return s;
    if (i >= warm_up) times.push_back(us_since(start));
    progress.At(i);
  }
  return times;
}

// Runs a second with so many of them in flight.
StatusOr<double> throughput(Session& session, const BenchOptions& options) {
  std::deque<std::pair<runtime::Ref<runtime::Run>, std::vector<runtime::Ref<runtime::Value>>>> flying;
  Progress progress("throughput", options.repetitions);
  const auto start = Clock::now();
  for (int i = 0; i < options.repetitions || !flying.empty();) {
    if (i < options.repetitions && static_cast<int>(flying.size()) < options.in_flight) {
      flying.emplace_back();
      flying.back().first = session.Submit(&flying.back().second);
      ++i;
      continue;
    }
    if (Status s = session.Finish(*flying.front().first, &flying.front().second); !s.ok()) return s;
    flying.pop_front();
    progress.At(i);
  }
  return 1e6 * options.repetitions / us_since(start);
}

// Where the time of a run goes: the steps, the dearest first, of a few runs that are traced.
StatusOr<Json> breakdown(Session& session) {
  constexpr int kRuns = 5;
  std::vector<runtime::Ref<runtime::Value>> outputs;
  session.engine->SetTracing(true);
  Status status;
  for (int i = 0; i < kRuns && status.ok(); ++i) status = session.Run(&outputs);
  session.engine->SetTracing(false);
  const std::vector<runtime::TraceEvent> events = session.engine->TakeTrace();
  if (!status.ok()) return status;
  struct Busy {
    std::string name, detail;
    double us = 0;
  };
  std::map<std::uint32_t, Busy> steps;
  double total = 0;
  for (const runtime::TraceEvent& e : events) {
    if (e.kind != runtime::TraceEvent::Kind::step) continue;
    Busy& busy = steps[e.step];
    busy.name = e.name;
    const std::size_t own = e.detail.find("; ");  // behind the run's label
    busy.detail = own == std::string::npos ? "" : e.detail.substr(own + 2);
    busy.us += static_cast<double>(e.end_ns - e.begin_ns) / 1e3 / kRuns;
    total += static_cast<double>(e.end_ns - e.begin_ns) / 1e3 / kRuns;
  }
  std::vector<std::pair<std::uint32_t, Busy>> order(steps.begin(), steps.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.us > b.second.us; });
  Json rows = Json::array();
  for (auto& [step, busy] : order) {
    rows.push_back({{"step", step},
                    {"name", busy.name},
                    {"us", busy.us},
                    {"percent", total > 0 ? 100 * busy.us / total : 0},
                    {"detail", busy.detail}});
  }
  return rows;
}

StatusOr<Json> read_baseline(const std::string& path, const std::string& subject) {
  std::ifstream in(path);
  if (!in) return Status(Code::not_found, absl::StrCat(path, ": cannot open: ", std::strerror(errno)));
  Json j = Json::parse(in, nullptr, false);
  const auto all_times = [](const Json& times) {
    return times.is_array() && !times.empty() && std::all_of(times.begin(), times.end(), [](const Json& t) {
             return t.is_number() && t.get<double>() > 0;
           });
  };
  if (!j.is_object() || !j.contains("times_us") || !all_times(j["times_us"]) || !j.contains("subject") ||
      !j["subject"].is_string()) {
    return Status(Code::data_loss, absl::StrCat(path, ": is not what leat bench --save writes"));
  }
  if (j["subject"] != subject) {
    return Status(Code::invalid_argument,
                  absl::StrCat(path, ": is of ", j["subject"].get<std::string>(), ", this is ", subject));
  }
  return j;
}

// The verdict: another speed only where the whole interval lies beyond the tolerance.
Json judge(const Comparison& c, double tolerance) {
  const double most = 1 + tolerance / 100;
  const char* verdict = c.low > most ? "slower" : c.high < 1 / most ? "faster" : "no difference beyond noise";
  return {{"verdict", verdict},
          {"ratio", c.ratio},
          {"ratio_low", c.low},
          {"ratio_high", c.high},
          {"tolerance_percent", tolerance}};
}

void print(const Json& j) {
  for (const auto& [key, value] : j.items()) {
    if (key == "per_op") {
      std::printf("%-6s %10s %7s  %s\n", "step", "us", "%", "name");
      for (std::size_t k = 0; k < value.size() && k < 20; ++k) {
        const Json& row = value[k];
        std::printf("%-6d %10.3f %7.2f  %s\n", row["step"].get<int>(), row["us"].get<double>(),
                    row["percent"].get<double>(), row["name"].get<std::string>().c_str());
      }
      if (value.size() > 20) std::printf("... and %zu more steps; --json has them\n", value.size() - 20);
    } else if (key == "baseline") {
      std::printf("against the baseline: %s: %.3f of its median (95 %% of resamples: %.3f to %.3f)\n",
                  value["verdict"].get<std::string>().c_str(), value["ratio"].get<double>(),
                  value["ratio_low"].get<double>(), value["ratio_high"].get<double>());
    } else {
      std::printf(value.is_number_float() ? "%-14s %.3f\n" : "%-14s %.0f\n", key.c_str(),
                  value.get<double>());
    }
  }
}

Status bench(const BenchOptions& options) {
  StatusOr<std::unique_ptr<Session>> opened = Session::Open(options.session);
  if (!opened.ok()) return opened.status();
  Session& session = **opened;
  const std::string of = subject(session);
  Json baseline;
  if (!options.baseline.empty()) {  // before the time is spent
    StatusOr<Json> read = read_baseline(options.baseline, of);
    if (!read.ok()) return read.status();
    baseline = *std::move(read);
  }
  std::vector<runtime::Ref<runtime::Value>> outputs;
  const auto first = Clock::now();
  if (Status s = session.Run(&outputs); !s.ok()) return s;
  const double first_us = us_since(first);
  const StatusOr<std::vector<double>> times = time_runs(session, options);
  if (!times.ok()) return times.status();
  std::vector<double> sorted = *times;
  std::sort(sorted.begin(), sorted.end());
  Json j;
  j["compile_ms"] = session.compile_us / 1e3;
  j["kernels"] = session.code->stats().kernels;
  j["steps"] = session.program->steps.size();
  j["peak_bytes"] = session.program->peak_bytes;
  j["first_run_us"] = first_us;
  j["runs"] = sorted.size();
  j["least_us"] = sorted.front();
  j["p50_us"] = percentile(sorted, 0.5);
  j["p90_us"] = percentile(sorted, 0.9);
  j["p99_us"] = percentile(sorted, 0.99);
  j["most_us"] = sorted.back();
  if (options.in_flight > 1) {
    const StatusOr<double> runs = throughput(session, options);
    if (!runs.ok()) return runs.status();
    j["in_flight"] = options.in_flight;
    j["runs_per_s"] = *runs;
  }
  if (options.per_op) {
    StatusOr<Json> rows = breakdown(session);
    if (!rows.ok()) return rows.status();
    j["per_op"] = *std::move(rows);
  }
  if (!options.save.empty()) {
    const Json saved{{"subject", of}, {"times_us", *times}};
    if (Status written = write_output(options.save, saved.dump() + "\n"); !written.ok()) return written;
  }
  bool slower = false;
  if (!options.baseline.empty()) {
    j["baseline"] =
        judge(compare_medians(baseline["times_us"].get<std::vector<double>>(), *times), options.tolerance);
    slower = j["baseline"]["verdict"] == "slower";
  }
  if (options.json) {
    std::printf("%s\n", j.dump(2).c_str());
  } else {
    print(j);
  }
  if (slower) throw ExitCode{kSlower};
  return {};
}

}  // namespace

void add_bench_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "time a program: percentiles, compilation apart");
  add_session_options(command, &o->session);
  command->add_flag("--json", o->json, "for programs to read");
  command->add_option("-n,--repetitions", o->repetitions, "timed runs, one after another")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--warm-up", o->warm_up,
                   "runs before that are not timed; a tenth of the timed ones by default")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--in-flight", o->in_flight, "measure throughput too, with so many runs at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--per-op", o->per_op, "where the time goes: the steps, from a trace of five runs");
  command->add_option("--save", o->save, "write the times to a file, as a baseline");
  command->add_option(
      "--baseline", o->baseline,
      "compare with a saved file: exit code 3 where it is slower by more than noise and tolerance");
  command->add_option("--tolerance", o->tolerance, "of the comparison, in percent")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->footer(
      "Example: leat bench examples/programs/softmax.leat --size n=256 -n 1000\n"
      "         leat bench model.onnx --size batch=1 --per-op --in-flight 4 --save before.json\n"
      "         leat bench model.onnx --size batch=1 --baseline before.json || echo slower");
  command->callback([o, status] { *status = bench(*o); });
}

}  // namespace leat::tool
