#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/leat/session.h"

namespace leat::tool {
namespace {

struct BenchOptions {
  SessionOptions session;
  int repetitions = 100;
  bool json = false;
};

Status bench(const BenchOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = Session::Open(options.session);
  if (!session.ok()) return session.status();
  std::vector<runtime::Ref<runtime::Value>> outputs;
  const auto first = Clock::now();
  if (Status s = (*session)->Run(&outputs); !s.ok()) return s;
  const double first_us = us_since(first);
  for (int i = 0; i < std::max(options.repetitions / 10, 1); ++i) {
    if (Status s = (*session)->Run(&outputs); !s.ok()) return s;
  }
  std::vector<double> times;
  for (int i = 0; i < options.repetitions; ++i) {
    const auto start = Clock::now();
    if (Status s = (*session)->Run(&outputs); !s.ok()) return s;
    times.push_back(us_since(start));
  }
  std::sort(times.begin(), times.end());
  auto percentile = [&](double p) {
    return times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1))];
  };
  const compiler::CodeStats stats = (*session)->code->stats();
  nlohmann::ordered_json j;
  j["compile_ms"] = (*session)->compile_us / 1e3;
  j["kernels"] = stats.kernels;
  j["steps"] = (*session)->program->steps.size();
  j["peak_bytes"] = (*session)->program->peak_bytes;
  j["first_run_us"] = first_us;
  j["runs"] = times.size();
  j["least_us"] = times.front();
  j["p50_us"] = percentile(0.5);
  j["p90_us"] = percentile(0.9);
  j["p99_us"] = percentile(0.99);
  j["most_us"] = times.back();
  if (options.json) {
    std::printf("%s\n", j.dump(2).c_str());
  } else {
    for (const auto& [key, value] : j.items()) {
      std::printf(value.is_number_float() ? "%-14s %.3f\n" : "%-14s %.0f\n", key.c_str(),
                  value.get<double>());
    }
  }
  return {};
}

}  // namespace

void add_bench_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "time a program: percentiles, compilation apart");
  add_session_options(command, &o->session);
  command->add_flag("--json", o->json, "for programs to read");
  command->add_option("-n,--repetitions", o->repetitions, "timed runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->footer("Example: leat bench examples/programs/softmax.leat --size n=256 -n 1000");
  command->callback([o, status] { *status = bench(*o); });
}

}  // namespace leat::tool
