// The functions of leat/nn.h against NumPy and SciPy: every case of reference/nn_cases.txt (its format:
// reference/generate.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "leat/leat.h"

namespace leat {
namespace {

using Integers = std::vector<std::int64_t>;

struct ReferenceCase {
  std::string text, function;
  std::map<std::string, std::string> options;
  double tolerance = 0;
  std::vector<Tensor> inputs;
  Tensor want;

  double number(const std::string& key, double otherwise) const {
    const auto i = options.find(key);
    return i == options.end() ? otherwise : std::stod(i->second);
  }
  bool flag(const std::string& key) const { return number(key, 0) != 0; }
  Integers list(const std::string& key) const {
    Integers result;
    const auto i = options.find(key);
    std::istringstream in(i == options.end() ? "" : i->second);
    for (std::string word; std::getline(in, word, ',');) result.push_back(std::stoll(word));
    return result;
  }
  Tensor input(std::size_t i) const { return i < inputs.size() ? inputs[i] : Tensor(); }
};

/// "f32 2,3: 1 2 3 4 5 6".
Tensor read_tensor(std::istringstream& in) {
  std::string dtype, dims, word;
  in >> dtype >> dims;
  dims.pop_back();
  Shape shape;
  std::istringstream extents(dims == "-" ? "" : dims);
  while (std::getline(extents, word, ',')) shape.push_back(std::stoll(word));
  std::vector<double> numbers;
  while (in >> word) numbers.push_back(std::strtod(word.c_str(), nullptr));
  const Tensor all = tensor(numbers, shape);
  for (int t = 0; t < kDTypeCount; ++t) {
    if (name(static_cast<DType>(t)) == dtype) return astype(all, static_cast<DType>(t));
  }
  ADD_FAILURE() << dtype;
  return all;
}

std::vector<ReferenceCase> read_cases() {
  std::ifstream file(LEAT_SOURCE_DIR "/tests/frontend/reference/nn_cases.txt");
  std::vector<ReferenceCase> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string kind, word;
    in >> kind;
    if (kind == "case") {
      cases.emplace_back();
      cases.back().text = line;
      in >> cases.back().function;
      while (in >> word) {
        const std::size_t equal = word.find('=');
        cases.back().options[word.substr(0, equal)] = word.substr(equal + 1);
      }
    } else if (kind == "tol") {
      in >> cases.back().tolerance;
    } else if (kind == "in") {
      cases.back().inputs.push_back(read_tensor(in));
    } else if (kind == "out") {
      cases.back().want = read_tensor(in);
    }
  }
  return cases;
}

Tensor call(const ReferenceCase& c) {
  const std::string& f = c.function;
  const Tensor x = c.input(0);
  const int axis = static_cast<int>(c.number("axis", -1));
  const ConvolutionOptions convolution{.strides = c.list("strides"),
                                       .low = c.list("low"),
                                       .high = c.list("high"),
                                       .dilation = c.list("dilation"),
                                       .groups = static_cast<std::int64_t>(c.number("groups", 1)),
                                       .output_padding = c.list("output_padding")};
  const WindowOptions window{.strides = c.list("strides"),
                             .low = c.list("low"),
                             .high = c.list("high"),
                             .dilation = c.list("dilation")};
  if (f == "relu") return relu(x);
  if (f == "relu6") return relu6(x);
  if (f == "leaky_relu") return leaky_relu(x, c.number("slope", 0));
  if (f == "elu") return elu(x, c.number("alpha", 1));
  if (f == "selu") return selu(x);
  if (f == "gelu") return gelu(x, c.flag("approximate"));
  if (f == "silu") return silu(x);
  if (f == "softplus") return softplus(x);
  if (f == "softsign") return softsign(x);
  if (f == "hard_sigmoid") return hard_sigmoid(x);
  if (f == "hard_swish") return hard_swish(x);
  if (f == "mish") return mish(x);
  if (f == "softmax") return softmax(x, axis);
  if (f == "log_softmax") return log_softmax(x, axis);
  if (f == "layer_norm") return layer_norm(x, c.input(1), c.input(2), c.number("epsilon", 1e-5));
  if (f == "rms_norm") return rms_norm(x, c.input(1));
  if (f == "batch_norm") return batch_norm(x, c.input(1), c.input(2), c.input(3), c.input(4));
  if (f == "group_norm")
    return group_norm(x, static_cast<std::int64_t>(c.number("groups", 0)), c.input(1), c.input(2));
  if (f == "instance_norm") return instance_norm(x, c.input(1), c.input(2));
  if (f == "conv") return conv(x, c.input(1), c.input(2), convolution);
  if (f == "conv_transpose") return conv_transpose(x, c.input(1), c.input(2), convolution);
  if (f == "max_pool") return max_pool(x, c.list("window"), window);
  if (f == "avg_pool") return avg_pool(x, c.list("window"), window, c.flag("count_padding"));
  if (f == "global_avg_pool") return global_avg_pool(x);
  if (f == "global_max_pool") return global_max_pool(x);
  if (f == "attention")
    return attention(x, c.input(1), c.input(2), c.input(3), c.flag("causal"), c.number("scale", 0));
  if (f == "linear") return linear(x, c.input(1), c.input(2));
  if (f == "cross_entropy") return cross_entropy(x, c.input(1));
  ADD_FAILURE() << "no function " << f;
  return x;
}

TEST(NnReference, AgreesWithNumPyAndSciPy) {
  // Kernels are not what this is about: tiles need no compile time.
  Context context({.tier = Tier::tiles});
  const Context::Scope scope(context);
  const std::vector<ReferenceCase> cases = read_cases();
  EXPECT_GE(cases.size(), 100u);
  for (const ReferenceCase& c : cases) {
    SCOPED_TRACE(c.text);
    const Tensor got = call(c);
    ASSERT_EQ(got.dtype(), c.input(0).dtype());
    ASSERT_EQ(got.shape(), c.want.shape()) << got.shape().ToString() << " " << c.want.shape().ToString();
    const std::vector<double> a = astype(got, DType::f64).to_vector<double>();
    const std::vector<double> b = astype(c.want, DType::f64).to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_LE(std::fabs(a[i] - b[i]), c.tolerance * std::max(1.0, std::fabs(b[i])))
          << "element " << i << ": " << a[i] << " for " << b[i];
    }
  }
}

}  // namespace
}  // namespace leat
