// How the benchmarks measure and report: medians of interleaved rounds, beside the lowest and the highest.
//
// One line per figure: for people, or with Settings::json {"row":..,"name":..,"median":..,"low":..,"high":..,
// "unit":..}. Single-threaded.
//
//   report("2", "RunInto", spread(times), "ns", "bar 150");
#pragma once

#include <time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace leat::bench {

struct Settings {
  bool json = false;
  int rounds = 0;  // 0: each section's own number
  std::int64_t nodes = 1'000'000;
  const char* self = nullptr;
};
extern Settings settings;
extern volatile float sink;  // what is computed goes somewhere

double now_ns();
/// CPU time, of the process with CLOCK_PROCESS_CPUTIME_ID.
double cpu_ns(clockid_t clock);
int rounds_or(int usual);

struct Spread {
  double low = 0, median = 0, high = 0;
};
Spread spread(std::vector<double> v);

void report(const char* row, const std::string& name, const Spread& s, const char* unit,
            const char* note = "");
inline void report(const char* row, const std::string& name, double value, const char* unit,
                   const char* note = "") {
  report(row, name, {value, value, value}, unit, note);
}

struct Way {
  std::string name;
  std::function<void()> once;
  const char* note = "";
};
/// Times each way in batches, in turn; reports time and calls of operator new.
void interleave(const char* row, const std::vector<Way>& ways, int batch, int rounds);

// The sections of frontend_bench.
void item();
void issue();
void scaling();
void idle();
void rss();
void cold();
void p99();
void frontends();

}  // namespace leat::bench
