// The interpreter against NumPy: every case of reference/numpy_cases.txt (its format: reference/generate.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ir/scalar_arithmetic.h"
#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

struct Case {
  std::string name, text;
  double tolerance = 0;
  std::vector<Array> inputs, outputs;
};

template <class T>
T read_number(const std::string& word) {
  if constexpr (std::is_same_v<T, bool>) {
    return word == "1";
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return std::strtoull(word.c_str(), nullptr, 10);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(std::strtoll(word.c_str(), nullptr, 10));
  } else if constexpr (std::is_same_v<T, double>) {
    return std::strtod(word.c_str(), nullptr);
  } else {
    return static_cast<T>(std::strtof(word.c_str(), nullptr));
  }
}

/// "f32 2,3: 1 2 3 4 5 6".
Array read_array(const std::string& line) {
  std::istringstream in(line);
  std::string dtype, dims, word;
  in >> dtype >> dims;
  Type type;
  bool known = false;
  for (int t = 0; t < kDTypeCount; ++t) {
    if (name(static_cast<DType>(t)) != dtype) continue;
    type.dtype = static_cast<DType>(t);
    known = true;
  }
  EXPECT_TRUE(known) << dtype;
  dims.pop_back();
  std::istringstream extents(dims == "-" ? "" : dims);
  while (std::getline(extents, word, ',')) type.shape.push_back(std::stoll(word));
  Array array = Array::Zeros(type);
  visit_dtype(type.dtype, [&]<class T>(T) {
    std::int64_t n = 0;
    for (; in >> word && n < type.shape.num_elements(); ++n) array.as<T>()[n] = read_number<T>(word);
    EXPECT_EQ(n, type.shape.num_elements()) << line;
  });
  return array;
}

std::vector<Case> read_cases(const std::string& path) {
  std::vector<Case> cases;
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  for (std::string line; std::getline(in, line);) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space), rest = space == line.npos ? "" : line.substr(space + 1);
    if (key == "case") cases.emplace_back().name = rest;
    if (key == "tol") cases.back().tolerance = std::stod(rest);
    if (key == "ir") cases.back().text += rest + "\n";
    if (key == "in") cases.back().inputs.push_back(read_array(rest));
    if (key == "out") cases.back().outputs.push_back(read_array(rest));
  }
  return cases;
}

/// Whether `got` is `want`: NaN for NaN, else the same number, or as near as the case allows.
template <class T>
bool agree(T got, T want, double tolerance) {
  if (is_nan(got) || is_nan(want)) return is_nan(got) && is_nan(want);
  if (tolerance == 0) return order_key(got) == order_key(want);
  const auto g = static_cast<double>(widen(got)), w = static_cast<double>(widen(want));
  return std::abs(g - w) <= tolerance * std::max(1.0, std::abs(w));
}

void check(const Case& c) {
  const StatusOr<Graph> graph = parse(c.text, c.name);
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  const StatusOr<std::vector<Array>> results = interpret(*graph, c.inputs);
  ASSERT_TRUE(results.ok()) << results.status().ToString();
  ASSERT_EQ(results->size(), c.outputs.size());
  for (std::size_t i = 0; i < results->size(); ++i) {
    const Array &got = (*results)[i], &want = c.outputs[i];
    ASSERT_EQ(got.type, want.type) << got.type.shape.ToString() << " for " << want.type.shape.ToString();
    visit_dtype(got.type.dtype, [&]<class T>(T) {
      for (std::int64_t e = 0; e < got.type.shape.num_elements(); ++e) {
        ASSERT_TRUE(agree(got.as<T>()[e], want.as<T>()[e], c.tolerance))
            << "output " << i << ", element " << e << ": " << static_cast<double>(widen(got.as<T>()[e]))
            << " for " << static_cast<double>(widen(want.as<T>()[e]));
      }
    });
  }
}

TEST(NumpyReference, EveryCase) {
  const std::vector<Case> cases = read_cases(LEAT_SOURCE_DIR "/tests/ir/reference/numpy_cases.txt");
  EXPECT_GE(cases.size(), 300u);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    check(c);
  }
}

}  // namespace
}  // namespace leat::ir
