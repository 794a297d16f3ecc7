#include "tools/leat/measure.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace leat::tool {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 0.5);
}

// As many blocks of neighbours as there are, drawn with replacement.
std::vector<double> resample(const std::vector<double>& samples, std::mt19937& random) {
  const std::size_t block = std::max<std::size_t>(1, samples.size() / 20);
  std::vector<double> drawn;
  while (drawn.size() < samples.size()) {
    const std::size_t first = random() % (samples.size() - block + 1);
    drawn.insert(drawn.end(), samples.begin() + static_cast<std::ptrdiff_t>(first),
                 samples.begin() + static_cast<std::ptrdiff_t>(first + block));
  }
  return drawn;
}

}  // namespace

double percentile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Comparison compare_medians(const std::vector<double>& before, const std::vector<double>& after) {
  constexpr int kDraws = 1000;
  std::mt19937 random(1);
  std::vector<double> ratios;
  for (int i = 0; i < kDraws; ++i) {
    ratios.push_back(median(resample(after, random)) / median(resample(before, random)));
  }
  std::sort(ratios.begin(), ratios.end());
  return {median(after) / median(before), percentile(ratios, 0.025), percentile(ratios, 0.975)};
}

}  // namespace leat::tool
