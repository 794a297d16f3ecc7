// The sample programs, damaged at random: an error with line and column, or a program that compiles and runs
// to a value or a typed error. Never a crash, a hang or an escape of an exception.
//
// LEAT_TEST_SECONDS=600 runs it for longer; a failure prints the text.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "ir/text_form.h"
#include "leat/leat.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> samples() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(LEAT_SOURCE_DIR "/examples/programs")) {
    std::ifstream in(entry.path());
    all.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return all;
}

// Damage that keeps most of the text, so that much of it still parses: words move, numbers change, lines go.
std::string damaged(std::string text, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  static constexpr std::string_view kPieces[] = {
      "0",   "1",   "-1",  "2",     "64",   "4096", "9223372036854775807",
      "%",   "[]",  "n",   "f64",   "i64",  "bool", "f16",
      "add", "exp", "div", "dims=", "neg",  "{",    "}",
      ",",   "nan", "inf", "axis=", "copy", "\"",   "reduce_max"};
  for (std::size_t k = 1 + below(3); k > 0 && !text.empty(); --k) {
    const std::size_t at = below(text.size());
    switch (below(5)) {
      case 0: text[at] = static_cast<char>(32 + below(95)); break;
      case 1: text.erase(at, 1 + below(12)); break;
      case 2: text.insert(at, kPieces[below(std::size(kPieces))]); break;
      case 3: {  // a number becomes another
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text.replace(digit, 1, kPieces[below(7)]);
        break;
      }
      case 4: {  // a name becomes another one of the text
        const std::size_t from = text.find('%', at), to = text.find('%', below(text.size()));
        if (from == std::string::npos || to == std::string::npos) break;
        const auto word = [&](std::size_t i) {
          const std::size_t end = text.find_first_of(" :,)\n", i);
          return (end == std::string::npos ? text.size() : end) - i;
        };
        text.replace(from, word(from), text.substr(to, word(to)));
        break;
      }
    }
  }
  return text;
}

TEST(MutatedPrograms, AreErrorsOrValues) {
  const char* seconds = std::getenv("LEAT_TEST_SECONDS");
  const auto stop = Clock::now() + std::chrono::seconds(seconds == nullptr ? 4 : std::atoi(seconds));
  std::mt19937_64 random(20261123);
  const std::vector<std::string> originals = samples();
  ASSERT_GE(originals.size(), 4u);
  Context context({.workers = 1, .cpu_devices = 2, .memory_limit = 64 << 20, .tier = Tier::tiles});
  const Context::Scope scope(context);
  int tried = 0, compiled = 0, values = 0;
  while (Clock::now() < stop) {
    const std::string text = damaged(originals[random() % originals.size()], random);
    SCOPED_TRACE(text);
    ++tried;
    const StatusOr<Graph> graph = Graph::Parse(text, "damaged");
    if (!graph.ok()) {
      ASSERT_EQ(graph.status().message().rfind("damaged:", 0), 0u) << graph.status().ToString();
      ASSERT_NE(graph.status().code(), Code::internal) << graph.status().ToString();
      continue;
    }
    const StatusOr<Executable> executable = Compile(*graph, {.tier = Tier::tiles});
    if (!executable.ok()) {
      ASSERT_NE(executable.status().code(), Code::internal) << executable.status().ToString();
      continue;
    }
    ++compiled;
    RunArguments arguments;
    arguments.deadline = Clock::now() + std::chrono::milliseconds(200);
    bool fits = true;
    for (std::size_t i = 0; fits && i < graph->input_count(); ++i) {
      // "f32[n,64]": every symbol becomes 3.
      const std::string type = graph->input_type(i);
      const std::size_t open = type.find('[');
      Shape shape;
      std::int64_t elements = 1;
      for (std::size_t at = open + 1; at < type.size() && type[at] != ']';) {
        const std::size_t end = type.find_first_of(",]", at);
        const std::string dim = type.substr(at, end - at);
        const bool number = dim.find_first_not_of("0123456789") == std::string::npos;
        shape.push_back(number ? std::stoll(dim) : 3);
        fits = fits && shape[shape.size() - 1] <= 1 << 20;
        elements =
            std::min<std::int64_t>(elements * std::max<std::int64_t>(shape[shape.size() - 1], 1), 1 << 30);
        at = end + 1;
      }
      const std::optional<DType> dtype = ir::find_dtype(type.substr(0, open));
      fits = fits && dtype && elements <= 1 << 20;
      if (fits) arguments.inputs.push_back(ones(shape, *dtype));
    }
    if (!fits) continue;
    const StatusOr<std::vector<Future>> futures = executable->Run(std::move(arguments));
    if (!futures.ok()) {
      ASSERT_NE(futures.status().code(), Code::internal) << futures.status().ToString();
      continue;
    }
    for (const Future& f : *futures) {
      const Status s = f.Wait();
      ASSERT_NE(s.code(), Code::internal) << s.ToString();
      values += s.ok();
    }
  }
  RecordProperty("tried", tried);
  EXPECT_GT(compiled, 0);
  EXPECT_GT(values, 0);
  std::printf("%d texts, %d compiled, %d values\n", tried, compiled, values);
}

}  // namespace
}  // namespace leat
