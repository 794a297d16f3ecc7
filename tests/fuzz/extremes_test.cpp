// Every number of every op at its extremes. Mutation seldom writes 2^62 where a stride stands; here each op's
// conformance cases are printed, and each of their integers (extents, axes, windows, strides, paddings,
// starts, counts ...) becomes one extreme number after another: one at a time, all that are equal (extents
// that must agree), and in pairs. What comes out is handled as a stranger's file is (fuzz_text).
//
//   LEAT_LONG=1 fuzz_test --gtest_filter='*Extremes*'     every case and pair; else a sample of them
#include "tests/fuzz/extremes.h"

#include <gtest/gtest.h>

#include <cctype>
#include <random>
#include <set>

#include "ir/printer.h"
#include "tests/conformance/op_cases.h"
#include "tests/fuzz/targets.h"

namespace leat::fuzz {
namespace {

struct Number {
  std::size_t at, length;
};

// The integers of a printed program that are no part of a name, a dtype, a float or a comment.
std::vector<Number> numbers_of(const std::string& text) {
  std::vector<Number> numbers;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    const bool minus = text[i] == '-' && i + 1 < text.size() && std::isdigit(text[i + 1]);
    if (!minus && !std::isalnum(text[i]) && text[i] != '%' && text[i] != '@' && text[i] != '_') continue;
    std::size_t end = i + 1;
    while (end < text.size() && (std::isalnum(text[end]) || text[end] == '_' || text[end] == '.')) ++end;
    const std::string_view word(text.data() + i, end - i);
    const bool integer = word.find_first_not_of("0123456789", minus ? 1 : 0) == std::string_view::npos;
    if (integer) numbers.push_back({i, end - i});
    i = end - 1;
  }
  return numbers;
}

std::string replaced(const std::string& text, const std::vector<std::pair<Number, std::int64_t>>& by) {
  std::string result;
  std::size_t from = 0;
  for (const auto& [number, value] : by) {
    result.append(text, from, number.at - from) += std::to_string(value);
    from = number.at + number.length;
  }
  return result.append(text, from);
}

void sweep(const std::string& text, std::mt19937_64& random, bool all, const Watch& handle) {
  const std::vector<Number> numbers = numbers_of(text);
  const auto word = [&](const Number& n) { return std::string_view(text).substr(n.at, n.length); };
  std::set<std::string_view> seen;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    std::vector<Number> equal;
    for (const Number& other : numbers) {
      if (word(other) == word(numbers[n])) equal.push_back(other);
    }
    const bool first = seen.insert(word(numbers[n])).second;
    for (const std::int64_t value : kExtremes) {
      handle(replaced(text, {{numbers[n], value}}));
      if (!first || equal.size() == 1) continue;
      std::vector<std::pair<Number, std::int64_t>> by;
      for (const Number& other : equal) by.emplace_back(other, value);
      handle(replaced(text, by));
    }
  }
  if (numbers.size() < 2) return;
  const std::size_t pairs = numbers.size() * (all ? 1000 : 20);
  for (std::size_t k = 0; k < pairs; ++k) {
    std::size_t a = random() % numbers.size(), b = random() % (numbers.size() - 1);
    if (b >= a) ++b;
    if (a > b) std::swap(a, b);
    const auto any = [&] { return kExtremes[random() % std::size(kExtremes)]; };
    handle(replaced(text, {{numbers[a], any()}, {numbers[b], any()}}));
  }
}

class Extremes : public ::testing::TestWithParam<ir::Op> {};

TEST_P(Extremes, AreErrorsOrPrograms) {
  const Watch watch(fuzz_text);
  const bool all = std::getenv("LEAT_LONG") != nullptr;
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  int programs = 0;
  for (const DType dtype : {DType::f32, DType::i64, DType::u32, DType::u64}) {
    const testing::OpCases cases = testing::op_cases(GetParam(), dtype);
    std::set<std::string> texts;  // those with constants of many elements are no better seeds
    for (const testing::OpCase& c : cases.cases) {
      std::string text = ir::print(c.graph);
      // The result types that the header promises would have to be changed along.
      if (const std::size_t arrow = text.find(" -> ("); arrow != std::string::npos) {
        text.erase(arrow, text.find(") {", arrow) + 1 - arrow);
      }
      if (text.size() < 1500) texts.insert(std::move(text));
    }
    const std::size_t step = all ? 1 : std::max<std::size_t>(1, texts.size() / 6);
    std::size_t k = 0;
    for (const std::string& text : texts) {
      if (k++ % step != 0) continue;
      watch(text);
      sweep(text, random, all, watch);
      ++programs;
    }
  }
  EXPECT_GT(programs, 0);
}

std::vector<ir::Op> ops() {
  std::vector<ir::Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) ops.push_back(info.op);
  return ops;
}

INSTANTIATE_TEST_SUITE_P(Of, Extremes, ::testing::ValuesIn(ops()),
                         [](const auto& info) { return std::string(ir::name(info.param)); });

}  // namespace
}  // namespace leat::fuzz
