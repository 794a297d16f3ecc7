// What the rows of the GPU table must reach, and whether they do.
//
//   Bars bars(bench, small);                                    // of a small run nothing counts
//   bars.AtMost(4, "100 kernels again: queued", us, 15, " us"); // " 4  100 kernels again: queued   12 us, at
//   most 15 us: met"
#pragma once

#include <cstdio>
#include <string>

#include "tools/bench/measure.h"

namespace leat::bench {

class Bars {
 public:
  Bars(const Bench& bench, bool small) : bench_(bench), small_(small) {}

  void AtLeast(int row, const std::string& what, double value, double bar, const char* unit = "") const {
    Say(row, what,
        small_ || !(value > 0) ? kNotMeasured
        : value >= bar         ? "met"
                               : "missed",
        value, "at least " + text(bar) + unit, unit);
  }
  void AtMost(int row, const std::string& what, double value, double bar, const char* unit = "") const {
    Say(row, what,
        small_ || !(value > 0) ? kNotMeasured
        : value <= bar         ? "met"
                               : "missed",
        value, "at most " + text(bar) + unit, unit);
  }
  /// A bar that a peer sets: tools/gpu bench runs them.
  void NeedsPeers(int row, const std::string& bar) const { Say(row, bar, kNotMeasured, 0, "", ""); }

  /// Every row, where there is no GPU.
  static void SayNothingIsMeasured(const Bench& bench) {
    constexpr const char* kRows[] = {
        "elementwise chain and copy: at least 0.92 of the copy's bandwidth",
        "rows, columns, transposes: at least 0.85 of the copy's bandwidth, not slower than the peers",
        "products: at least 0.98 of torch.matmul, bias and gelu free within 5 %",
        "100 kernels again: queued in at most 15 us, total not above PyTorch's CUDA-graph replay",
        "10 x (normal, matmul): queued in at most 20 us, finished not above the peers",
        "encoder: not slower than torch.compile and JAX",
        "both sides at once: makespan at most 1.15 times the longer"};
    const Bars bars(bench, false);
    for (int row = 1; row <= 7; ++row) {
      if (bench.Wants(row, "")) bars.NeedsPeers(row, kRows[row - 1]);
    }
  }

 private:
  static constexpr const char* kNotMeasured = "not measured";
  static std::string text(double value) {
    char s[32];
    std::snprintf(s, sizeof s, "%.3g", value);
    return s;
  }
  void Say(int row, const std::string& what, const std::string& verdict, double value, const std::string& bar,
           const std::string& unit) const {
    if (bench_.json()) {
      std::printf(
          "{\"row\": %d, \"bar\": \"%s\", \"wanted\": \"%s\", \"value\": %.6g, \"verdict\": \"%s\"}\n", row,
          what.c_str(), bar.c_str(), verdict == kNotMeasured ? 0 : value, verdict.c_str());
    } else {
      const std::string found = verdict == kNotMeasured ? "" : text(value) + unit + ", ";
      std::printf("%2d  bar: %s%s%s%s: %s\n", row, what.c_str(), bar.empty() ? "" : ": ", found.c_str(),
                  bar.c_str(), verdict.c_str());
    }
    std::fflush(stdout);
  }

  const Bench& bench_;
  const bool small_;
};

}  // namespace leat::bench
