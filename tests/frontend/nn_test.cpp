// The functions of leat/nn.h: hand values, a scalar reference in double, special values, errors.
// nn_reference_test.cpp compares them with NumPy and SciPy.
#include "leat/nn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "leat/leat.h"

namespace leat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class Nn : public ::testing::Test {
 protected:
  Context context_{{.tier = Tier::tiles}};
  Context::Scope scope_{context_};
};

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

/// The message of what `call` throws; it must be invalid_argument at `line` of this file.
template <class F>
std::string error_of(F call, std::uint32_t line) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::invalid_argument) << e.what();
    EXPECT_EQ(e.status().where().line, line) << e.what();
    EXPECT_THAT(e.status().where().file, HasSubstr("nn_test.cpp"));
    return e.status().message();
  }
  ADD_FAILURE() << "nothing was thrown (line " << line << ")";
  return {};
}
#define ERROR_OF(call) error_of([&] { call; }, __LINE__)

std::vector<double> scalar_inputs() {
  std::vector<double> x;
  for (int i = -60; i <= 60; ++i) x.push_back(i / 8.0);
  for (double far : {-100.0, -30.0, 30.0, 100.0}) x.push_back(far);
  return x;
}

TEST_F(Nn, ActivationsAgreeWithAScalarReference) {
  struct Function {
    const char* name;
    Tensor (*ours)(const Tensor&);
    double (*reference)(double);
  };
  const Function functions[] = {
      {"relu", [](const Tensor& x) { return relu(x); }, [](double x) { return std::max(x, 0.0); }},
      {"relu6", [](const Tensor& x) { return relu6(x); },
       [](double x) { return std::min(std::max(x, 0.0), 6.0); }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.125); },
       [](double x) { return x < 0 ? 0.125 * x : x; }},
      {"elu", [](const Tensor& x) { return elu(x, 2); },
       [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }},
      {"selu", [](const Tensor& x) { return selu(x); },
       [](double x) { return 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * std::expm1(x) : x); }},
      {"silu", [](const Tensor& x) { return silu(x); }, [](double x) { return x / (1 + std::exp(-x)); }},
      {"softplus", [](const Tensor& x) { return softplus(x); },
       [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }},
      {"softsign", [](const Tensor& x) { return softsign(x); },
       [](double x) { return x / (1 + std::fabs(x)); }},
      {"mish", [](const Tensor& x) { return mish(x); },
       [](double x) { return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)))); }},
      {"hard_sigmoid", [](const Tensor& x) { return hard_sigmoid(x); },
       [](double x) { return std::min(std::max(x / 6 + 0.5, 0.0), 1.0); }},
      {"hard_swish", [](const Tensor& x) { return hard_swish(x); },
       [](double x) { return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0); }},
      {"gelu", [](const Tensor& x) { return gelu(x); },
       [](double x) { return x * 0.5 * (1 + std::erf(x * std::sqrt(0.5))); }},
      {"gelu, approximate", [](const Tensor& x) { return gelu(x, true); },
       [](double x) { return x * 0.5 * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); }},
  };
  const std::vector<double> x = scalar_inputs();
  const Tensor wide = tensor(x), narrow = astype(wide, DType::f32);
  for (const Function& f : functions) {
    SCOPED_TRACE(f.name);
    const std::vector<double> got = f.ours(wide).to_vector<double>();
    const std::vector<float> got32 = floats(f.ours(narrow));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = f.reference(x[i]);
      // A few roundings, of values as large as x (1 + erf and the like cancel where the result is small).
      EXPECT_NEAR(got[i], want, 8e-16 * std::max(1.0, std::fabs(x[i]))) << x[i];
      EXPECT_NEAR(got32[i], want, 5e-7 * std::max(1.0, std::fabs(x[i]))) << x[i];
    }
  }
}

TEST_F(Nn, ActivationsAtSpecialValues) {
  const Tensor x = tensor({-kInf, -0.0f, kInf, kNaN});
  const auto expect = [&](const Tensor& y, float at_low, float at_high) {
    const std::vector<float> v = floats(y);
    EXPECT_EQ(v[0], at_low);
    EXPECT_EQ(v[2], at_high);
    EXPECT_TRUE(std::isnan(v[3]));
  };
  expect(relu(x), 0, kInf);
  expect(relu6(x), 0, 6);
  expect(elu(x), -1, kInf);
  expect(leaky_relu(x), -kInf, kInf);
  expect(softplus(x), 0, kInf);
  expect(hard_sigmoid(x), 0, 1);
  EXPECT_EQ(floats(softplus(tensor({200.0f, -200.0f})))[0], 200);
}

TEST_F(Nn, ReluTakesIntegersAndOthersDoNot) {
  EXPECT_THAT(relu(tensor({-2, 0, 3})).to_vector<int>(), ElementsAre(0, 0, 3));
  const Tensor i = tensor({1, 2});
  EXPECT_EQ(ERROR_OF(gelu(i)), "gelu: takes a floating dtype, got i32[2] (convert it with astype) [C5]");
  EXPECT_THAT(ERROR_OF(softmax(i)), HasSubstr("softmax: takes a floating dtype"));
  EXPECT_THAT(ERROR_OF(layer_norm(i)), HasSubstr("layer_norm: takes a floating dtype"));
}

TEST_F(Nn, Softmax) {
  EXPECT_THAT(floats(softmax(tensor({0.0f, 0.0f, 0.0f, 0.0f}))), ElementsAre(0.25f, 0.25f, 0.25f, 0.25f));
  EXPECT_THAT(floats(softmax(tensor({1000.0f, -kInf, 1000.0f}))), ElementsAre(0.5f, 0.0f, 0.5f));
  EXPECT_THAT(floats(softmax(tensor({{1.0f, 5.0f}, {1.0f, 5.0f}}), 0)), ElementsAre(0.5f, 0.5f, 0.5f, 0.5f));
  for (float v : floats(softmax(full({3}, -kInf)))) EXPECT_TRUE(std::isnan(v));
  EXPECT_EQ(softmax(zeros({3, 0})).to_vector<float>().size(), 0u);
  const std::vector<float> l = floats(log_softmax(tensor({1000.0f, 0.0f})));
  EXPECT_THAT(l, ElementsAre(0.0f, -1000.0f));
  EXPECT_THAT(ERROR_OF(softmax(ones({2, 3}), 2)), HasSubstr("softmax: axis 2 of a tensor of rank 2"));
}

TEST_F(Nn, NarrowTypesRoundOnce) {
  Generator g(5);
  for (DType dtype : {DType::f16, DType::bf16}) {
    const Tensor x = astype(g.normal({8, 96}, 1, 3), dtype), wide = astype(x, DType::f32);
    const Tensor scale = astype(g.normal({96}), dtype), wide_scale = astype(scale, DType::f32);
    const auto once = [&](const Tensor& narrow, const Tensor& reference) {
      EXPECT_EQ(narrow.dtype(), dtype);
      const Tensor same = bitcast(narrow, DType::u16) == bitcast(astype(reference, dtype), DType::u16);
      EXPECT_TRUE(all(same).item<bool>());
    };
    once(softmax(x), softmax(wide));
    once(gelu(x), gelu(wide));
    once(layer_norm(x, scale), layer_norm(wide, wide_scale));
    once(rms_norm(x, scale), rms_norm(wide, wide_scale));
    const Tensor image = reshape(x, {2, 4, 96}), wide_image = reshape(wide, {2, 4, 96});
    once(avg_pool(image, {3}), avg_pool(wide_image, {3}));
    once(group_norm(image, 2), group_norm(wide_image, 2));
    const Tensor labels = tensor({0, 1, 2, 3, 4, 5, 6, 7});
    once(cross_entropy(x, labels), cross_entropy(wide, labels));
  }
}

TEST_F(Nn, NormsByHand) {
  const Tensor x = tensor({{1.0, 3.0}, {-2.0, 2.0}});
  EXPECT_THAT(layer_norm(x, {}, {}, 0).to_vector<double>(), ElementsAre(-1, 1, -1, 1));
  EXPECT_THAT(layer_norm(x, tensor({2.0, 4.0}), tensor({10.0, 20.0}), 0).to_vector<double>(),
              ElementsAre(8, 24, 8, 24));
  EXPECT_THAT(layer_norm(x, {}, tensor({10.0, 20.0}), 0).to_vector<double>(), ElementsAre(9, 21, 9, 21));
  EXPECT_THAT(layer_norm(x, {}, {}, 3).to_vector<double>(),
              ElementsAre(-0.5, 0.5, -2 / std::sqrt(7.0), 2 / std::sqrt(7.0)));
  EXPECT_THAT(rms_norm(tensor({{3.0, -3.0}}), tensor({1.0, 2.0}), 0).to_vector<double>(), ElementsAre(1, -2));
  const Tensor image = reshape(tensor({1.0, 3.0, 10.0, 30.0}), {1, 2, 2});
  EXPECT_THAT(instance_norm(image, {}, {}, 0).to_vector<double>(), ElementsAre(-1, 1, -1, 1));
  EXPECT_THAT(
      batch_norm(image, tensor({1.0, 10.0}), tensor({4.0, 100.0}), tensor({2.0, 1.0}), tensor({0.0, 5.0}), 0)
          .to_vector<double>(),
      ElementsAre(0, 2, 5, 7));
}

TEST_F(Nn, NormErrors) {
  const Tensor x = ones({2, 4, 3}), scale = ones({4});
  EXPECT_EQ(ERROR_OF(layer_norm(x, scale)), "layer_norm: scale f32[4] for x f32[2,4,3]: it needs shape [3]");
  EXPECT_EQ(ERROR_OF(layer_norm(x, ones({3}), scale)),
            "layer_norm: shift f32[4] for x f32[2,4,3]: it needs shape [3]");
  EXPECT_EQ(ERROR_OF(rms_norm(zeros({}))), "rms_norm: f32[] has no axes to normalise");
  EXPECT_EQ(ERROR_OF(batch_norm(x, scale, ones({3}))),
            "batch_norm: variance f32[3] for x f32[2,4,3]: it needs shape [4]");
  EXPECT_EQ(ERROR_OF(batch_norm(ones({4}), scale, scale)), "batch_norm: x is [n,c,...], got f32[4]");
  EXPECT_EQ(ERROR_OF(group_norm(x, 3)), "group_norm: 3 groups do not divide the 4 channels of f32[2,4,3]");
  EXPECT_EQ(ERROR_OF(group_norm(x, 0)), "group_norm: 0 groups do not divide the 4 channels of f32[2,4,3]");
  EXPECT_EQ(ERROR_OF(instance_norm(x, ones({1}))),
            "instance_norm: scale f32[1] for x f32[2,4,3]: it needs shape [4]");
}

TEST_F(Nn, LinearByHandAndErrors) {
  const Tensor x = tensor({{1, 2}, {3, 4}}), w = tensor({{1, 0, 2}, {0, 1, 3}}), b = tensor({10, 20, 30});
  EXPECT_THAT(linear(x, w, b).to_vector<int>(), ElementsAre(11, 22, 38, 13, 24, 48));
  EXPECT_THAT(linear(tensor({1, 2}), w).to_vector<int>(), ElementsAre(1, 2, 8));
  EXPECT_EQ(ERROR_OF(linear(x, transpose(w))),
            "linear: x is [...,k] and w [k,m], got i32[2,2] and i32[3,2] [C39]");
  EXPECT_EQ(ERROR_OF(linear(x, w, tensor({1, 2}))), "linear: b i32[2] for w i32[2,3]: it needs shape [3]");
}

TEST_F(Nn, ConvolutionsByHand) {
  const Tensor x = reshape(tensor({1, 2, 3, 4, 5}), {1, 1, 5}), w = reshape(tensor({1, 10, 100}), {1, 1, 3});
  EXPECT_THAT(conv(x, w).to_vector<int>(), ElementsAre(321, 432, 543));
  EXPECT_THAT(conv(x, w, tensor({7}), {.strides = {2}, .low = {1}, .high = {1}}).to_vector<int>(),
              ElementsAre(217, 439, 61));
  EXPECT_THAT(conv(x, w, {}, {.dilation = {2}}).to_vector<int>(), ElementsAre(531));
  const Tensor short_x = reshape(tensor({1, 2}), {1, 1, 2});
  EXPECT_THAT(conv_transpose(short_x, w).to_vector<int>(), ElementsAre(1, 12, 120, 200));
  EXPECT_THAT(conv_transpose(short_x, w, {}, {.strides = {2}}).to_vector<int>(),
              ElementsAre(1, 10, 102, 20, 200));
  EXPECT_THAT(conv_transpose(short_x, w, tensor({5}), {.strides = {2}, .low = {1}, .output_padding = {1}})
                  .to_vector<int>(),
              ElementsAre(15, 107, 25, 205, 5));
  // Padding beyond the kernel's reach of 2.
  EXPECT_THAT(conv_transpose(short_x, w, {}, {.strides = {2}, .low = {3}}).to_vector<int>(),
              ElementsAre(20, 200));
}

TEST_F(Nn, ConvolutionErrors) {
  const Tensor x = ones({1, 4, 8, 8}), w = ones({6, 4, 3, 3});
  EXPECT_EQ(ERROR_OF(conv(ones({4, 8}), w)),
            "conv: x is [n,c,s...] with 1 to 3 spatial axes, got f32[4,8] [C40]");
  EXPECT_EQ(ERROR_OF(conv(x, w, {}, {.strides = {1, 1, 1}})),
            "conv: strides {1,1,1}: 3 entries for the 2 spatial axes of f32[1,4,8,8] [C10]");
  EXPECT_EQ(ERROR_OF(conv(x, w, {}, {.strides = {0, 1}})),
            "conv: strides {0,1}: each must be at least 1 and at most 2^30 [C14]");
  EXPECT_EQ(ERROR_OF(conv(x, w, {}, {.low = {-1, 0}})),
            "conv: low {-1,0}: each must be at least 0 and at most 2^30 [C36]");
  EXPECT_EQ(ERROR_OF(conv(x, w, ones({4}))), "conv: b f32[4] for a result f32[1,6,6,6]: it needs shape [6]");
  EXPECT_THAT(ERROR_OF(conv(x, w, {}, {.groups = 2})), HasSubstr("[C41]"));
  EXPECT_THAT(ERROR_OF(conv(x, ones({6, 4, 9, 9}))), HasSubstr("[C37]"));
  EXPECT_THAT(ERROR_OF(conv(x, ones({6, 5, 3, 3}))), HasSubstr("[C41]"));
  EXPECT_EQ(ERROR_OF(conv(x, w, {}, {.output_padding = {1, 1}})),
            "conv: output_padding is for conv_transpose");
  const std::string groups = ERROR_OF(conv_transpose(x, w));
  EXPECT_EQ(
      groups,
      "conv_transpose: x is [n,c,s...] and w [c,m/groups,k...], got f32[1,4,8,8] and f32[6,4,3,3] with 1 "
      "groups [C41]");
  EXPECT_EQ(ERROR_OF(conv_transpose(ones({1, 1, 2}), ones({1, 1, 2}), {}, {.low = {2}, .high = {2}})),
            "conv_transpose: nothing is left of spatial axis 0: (2 - 1) * 1 + 1 + 1 - 2 - 2 + 0 [C37]");
}

TEST_F(Nn, PoolsByHand) {
  const Tensor x = reshape(tensor({1.0f, -5.0f, 3.0f, 8.0f, 2.0f}), {1, 1, 5});
  EXPECT_THAT(floats(max_pool(x, {2})), ElementsAre(1, 8));
  EXPECT_THAT(floats(max_pool(-1 * abs(x), {2}, {.strides = {1}, .low = {1}})),
              ElementsAre(-1, -1, -3, -3, -2));
  EXPECT_THAT(floats(avg_pool(x, {2})), ElementsAre(-2, 5.5));
  const WindowOptions padded{.strides = {2}, .low = {1}, .high = {1}};
  EXPECT_THAT(floats(avg_pool(x, {3}, padded)), ElementsAre(-2, 2, 5));
  EXPECT_THAT(floats(avg_pool(x, {2}, padded, true)), ElementsAre(0.5, -1, 5));
  EXPECT_THAT(floats(global_avg_pool(x)), ElementsAre(9.0f / 5));
  EXPECT_THAT(floats(global_max_pool(x)), ElementsAre(8));
  EXPECT_EQ(global_avg_pool(ones({2, 3, 4, 5})).shape(), (Shape{2, 3, 1, 1}));
  EXPECT_EQ(max_pool(reshape(tensor({1, 7, 2, 3}), {1, 1, 4}), {4}).item<int>(), 7);
}

// Figures of PyTorch 2's pools with ceil_mode, but for the last line.
TEST_F(Nn, PoolsRoundedUp) {
  const Tensor x = reshape(tensor({1.0f, -5.0f, 3.0f, 8.0f, 2.0f, 7.0f}), {1, 1, 6});
  EXPECT_THAT(floats(max_pool(x, {4}, {.strides = {3}})), ElementsAre(8));
  EXPECT_THAT(floats(max_pool(x, {4}, {.strides = {3}, .ceil_mode = true})), ElementsAre(8, 8));
  EXPECT_THAT(floats(avg_pool(x, {4}, {.strides = {3}, .ceil_mode = true})), ElementsAre(1.75, 17.0f / 3));
  const WindowOptions padded{.strides = {3}, .low = {1}, .high = {1}, .ceil_mode = true};
  EXPECT_THAT(floats(avg_pool(x, {4}, padded, true)), ElementsAre(-0.25, 5, 3.5));
  EXPECT_THAT(floats(avg_pool(x, {4}, padded)), ElementsAre(-1.0f / 3, 5, 7));
  const auto extent = [&](std::int64_t window, std::int64_t stride) {
    return max_pool(x, {window}, {.strides = {stride}, .low = {1}, .high = {1}, .ceil_mode = true})
        .shape()[2];
  };
  EXPECT_EQ(extent(2, 4), 2);
  EXPECT_EQ(extent(2, 5), 2);
  EXPECT_EQ(extent(2, 7), 1);  // the second window would begin in the high padding
  EXPECT_EQ(extent(9, 2), 1);
  EXPECT_THAT(ERROR_OF(max_pool(x, {9}, {.strides = {1}, .low = {1}, .high = {1}, .ceil_mode = true})),
              HasSubstr("[C37]"));
  const Tensor y = reshape(astype(arange(30), DType::f32), {1, 1, 5, 6});
  EXPECT_THAT(floats(max_pool(y, {2, 3}, {.strides = {2, 2}, .ceil_mode = true})),
              ElementsAre(8, 10, 11, 20, 22, 23, 26, 28, 29));
  EXPECT_THAT(floats(max_pool(y, {2, 2}, {.dilation = {2, 2}, .ceil_mode = true})),
              ElementsAre(14, 16, 16, 26, 28, 28));
  // Nothing is rounded where the windows fit.
  EXPECT_EQ(max_pool(y, {5, 2}, {.ceil_mode = true}).shape(), (Shape{1, 1, 1, 3}));
}

TEST_F(Nn, PoolErrors) {
  const Tensor x = ones({1, 2, 8, 8});
  EXPECT_EQ(ERROR_OF(max_pool(x, {})), "max_pool: the window is empty; f32[1,2,8,8] has 2 spatial axes");
  EXPECT_EQ(ERROR_OF(max_pool(x, {2})),
            "max_pool: window {2}: 1 entries for the 2 spatial axes of f32[1,2,8,8] [C10]");
  EXPECT_THAT(ERROR_OF(avg_pool(x, {9, 1})), HasSubstr("[C37]"));
  EXPECT_THAT(ERROR_OF(avg_pool(astype(x, DType::i32), {2, 2})),
              HasSubstr("avg_pool: takes a floating dtype"));
  EXPECT_THAT(ERROR_OF(global_avg_pool(ones({2, 3}))), HasSubstr("global_avg_pool: x is [n,c,s...]"));
}

TEST_F(Nn, AttentionByHand) {
  // Equal scores average the values; a bool mask, a causal one and an added one hide keys.
  const Tensor q = zeros({2, 3}), k = ones({2, 3}), v = tensor({{1.0f, 2.0f}, {3.0f, 6.0f}});
  EXPECT_THAT(floats(attention(q, k, v)), ElementsAre(2, 4, 2, 4));
  EXPECT_THAT(floats(attention(q, k, v, {}, true)), ElementsAre(1, 2, 2, 4));
  EXPECT_THAT(floats(attention(q, k, v, tensor({{false, true}}))), ElementsAre(3, 6, 3, 6));
  EXPECT_THAT(floats(attention(q, k, v, tensor({{0.0f, -kInf}, {-kInf, 0.0f}}))), ElementsAre(1, 2, 3, 6));
  // scale 0 is 1 / sqrt(d): q k^T / 2 = {log 3, 0}.
  const Tensor d4 = full({1, 4}, std::log(3.0f) / 2);
  const Tensor keys = concat({ones({1, 4}), zeros({1, 4})}, 0);
  EXPECT_NEAR(attention(d4, keys, tensor({{4.0f}, {0.0f}})).item<float>(), 3, 1e-6);
  EXPECT_NEAR(attention(d4, keys, tensor({{4.0f}, {0.0f}}), {}, false, 1).item<float>(), 3.6, 1e-6);
}

TEST_F(Nn, AttentionErrors) {
  const Tensor q = ones({5, 2, 3}), k = ones({5, 4, 3}), v = ones({5, 4, 6});
  EXPECT_THAT(ERROR_OF(attention(q, v, k)), HasSubstr("[C42]"));
  EXPECT_THAT(ERROR_OF(attention(ones({3}), k, v)), HasSubstr("[C42]"));
  EXPECT_EQ(ERROR_OF(attention(q, k, v, ones({3, 4}))),
            "attention: the mask f32[3,4] does not broadcast to the scores' [5,2,4] [C43]");
  EXPECT_EQ(ERROR_OF(attention(q, k, v, ones({7, 5, 2, 4}))),
            "attention: the mask f32[7,5,2,4] does not broadcast to the scores' [5,2,4] [C43]");
}

TEST_F(Nn, DropoutKeepsTheMeanAndCountsInProgramOrder) {
  Generator g(9);
  const Tensor x = ones({100'000});
  const std::vector<float> y = floats(dropout(x, g, 0.25));
  EXPECT_EQ(g.counter(), 1u);
  std::size_t zeros_seen = 0;
  for (float v : y) {
    if (v == 0) {
      ++zeros_seen;
    } else {
      ASSERT_EQ(v, static_cast<float>(1 / 0.75));
    }
  }
  EXPECT_NEAR(static_cast<double>(zeros_seen) / 1e5, 0.25, 0.01);
  Generator again(9);
  EXPECT_EQ(floats(dropout(x, again, 0.25)), y);
  EXPECT_NE(floats(dropout(x, again, 0.25)), y);
  EXPECT_THAT(floats(dropout(ones({3}), g, 0)), ElementsAre(1, 1, 1));
  EXPECT_THAT(floats(dropout(full({3}, kNaN), g, 1)), ElementsAre(0, 0, 0));
  EXPECT_EQ(ERROR_OF(dropout(x, g, 1.5)), "dropout: the probability 1.5 is not in [0, 1]");
}

TEST_F(Nn, CrossEntropy) {
  const Tensor logits = tensor({{0.0, 0.0}, {std::log(3.0), 0.0}});
  EXPECT_NEAR(cross_entropy(logits, tensor({0, 1})).item<double>(), (std::log(2.0) + std::log(4.0)) / 2,
              1e-15);
  const Tensor bytes = astype(tensor({0, 1}), DType::u8);
  EXPECT_EQ(cross_entropy(logits, bytes).item<double>(),
            cross_entropy(logits, tensor({0, 1})).item<double>());
  EXPECT_EQ(ERROR_OF(cross_entropy(logits, tensor({0.0f, 1.0f}))),
            "cross_entropy: the targets are f32[2], not integers [C28]");
  EXPECT_EQ(ERROR_OF(cross_entropy(logits, tensor({0, 1, 0}))),
            "cross_entropy: logits [...,classes] and targets [...], got f64[2,2] and i32[3]");
  const Tensor poisoned = cross_entropy(logits, tensor({0, 2}));
  EXPECT_THROW(poisoned.wait(), Error);
  EXPECT_EQ(poisoned.status().code(), Code::out_of_range);
}

TEST_F(Nn, UndefinedTensorsAreAnError) {
  EXPECT_THROW(relu(Tensor()), Error);
  EXPECT_THROW(softmax(Tensor()), Error);
  EXPECT_THROW(conv(Tensor(), ones({1, 1, 1})), Error);
  EXPECT_THROW(linear(ones({2, 2}), Tensor()), Error);
  EXPECT_THROW(attention(ones({2, 2}), Tensor(), ones({2, 2})), Error);
}

}  // namespace
}  // namespace leat
