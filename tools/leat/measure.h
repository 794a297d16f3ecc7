// Times as samples: percentiles, and whether two sets of them differ by more than their noise.
#pragma once

#include <cstdint>
#include <vector>

namespace leat::tool {

/// By linear interpolation; 0 <= p <= 1. REQUIRES: sorted, not empty.
double percentile(const std::vector<double>& sorted, double p);

/// The ratio of the medians (after / before) and its 95 % interval.
struct Comparison {
  double ratio = 1, low = 1, high = 1;
};
/// By bootstrap over blocks of neighbouring samples, in the order in which they were taken: neighbours share
/// what disturbed them, so single samples would promise too much. The same samples, the same answer.
/// REQUIRES: neither is empty.
Comparison compare_medians(const std::vector<double>& before, const std::vector<double>& after);

}  // namespace leat::tool
