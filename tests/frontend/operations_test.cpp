// What the functions compute, on values that can be checked by eye.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "leat/leat.h"

namespace leat {
namespace {

using F = std::vector<float>;
using I = std::vector<std::int64_t>;

Tensor counting(const Shape& s) { return reshape(arange(s.num_elements(), DType::f32), s); }

TEST(Operations, Slicing) {
  const Tensor x = counting({4, 5});
  EXPECT_EQ(slice(x, {1}).to_vector<float>(), (F{5, 6, 7, 8, 9}));
  EXPECT_EQ(slice(x, {{}, -1}).to_vector<float>(), (F{4, 9, 14, 19}));
  EXPECT_EQ(slice(x, {{1, 3}, {0, 5, 2}}).to_vector<float>(), (F{5, 7, 9, 10, 12, 14}));
  EXPECT_EQ(slice(x, {{{}, {}, -2}, 0}).to_vector<float>(), (F{15, 5}));
  EXPECT_EQ(slice(x, {{-2, 100}, 0}).to_vector<float>(), (F{10, 15}));
  EXPECT_EQ(slice(x, {{3, 1}}).shape(), (Shape{0, 5}));
}

TEST(Operations, ShapesAndJoins) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(transpose(x).to_vector<float>(), (F{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(reshape(x, {3, -1}).shape(), (Shape{3, 2}));
  EXPECT_EQ(concat({x, x + 10}, 1).to_vector<float>(), (F{0, 1, 2, 10, 11, 12, 3, 4, 5, 13, 14, 15}));
  EXPECT_EQ(stack({x, x}, -1).shape(), (Shape{2, 3, 2}));
  const std::vector<Tensor> parts = split(x, 3, 1);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].to_vector<float>(), (F{2, 5}));
  EXPECT_EQ(pad(x, {1, 0}, {0, 1}, 7).to_vector<float>(), (F{7, 7, 7, 7, 0, 1, 2, 7, 3, 4, 5, 7}));
  EXPECT_EQ(tile(counting({2}), {2, 2}).to_vector<float>(), (F{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(reverse(x, -1).to_vector<float>(), (F{2, 1, 0, 5, 4, 3}));
  EXPECT_EQ(squeeze(expand_dims(x, 1)).shape(), (Shape{2, 3}));
  EXPECT_EQ(eye(2).to_vector<float>(), (F{1, 0, 0, 1}));
  EXPECT_EQ(linspace(0, 1, 5).to_vector<float>(), (F{0, 0.25f, 0.5f, 0.75f, 1}));
  EXPECT_EQ(arange(5, 0, -2).to_vector<std::int64_t>(), (I{5, 3, 1}));
  EXPECT_EQ(arange(0.0, 1.0, 0.25).to_vector<double>(), (std::vector<double>{0, 0.25, 0.5, 0.75}));
}

TEST(Operations, Reductions) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(sum(x).item<float>(), 15);
  EXPECT_EQ(sum(x, 0).to_vector<float>(), (F{3, 5, 7}));
  EXPECT_EQ(max(x, -1, true).shape(), (Shape{2, 1}));
  EXPECT_EQ(mean(x, 1).to_vector<float>(), (F{1, 4}));
  EXPECT_EQ(variance(x, 1).to_vector<float>()[0], 2.0f / 3.0f);
  EXPECT_EQ(argmax(x, 0).to_vector<std::int64_t>(), (I{1, 1, 1}));
  EXPECT_TRUE(any(x > 4).item<bool>());
  EXPECT_FALSE(all(x > 0).item<bool>());
  EXPECT_EQ(cumsum(x, 1).to_vector<float>(), (F{0, 1, 3, 3, 7, 12}));
  EXPECT_EQ(cumsum(x, 1, {.exclusive = true}).to_vector<float>(), (F{0, 0, 1, 0, 3, 7}));
  EXPECT_EQ(sum(zeros({0})).item<float>(), 0);
  EXPECT_EQ(mean(tensor({1, 2})).item<double>(), 1.5);
  EXPECT_NEAR(logsumexp(x, 1).to_vector<float>()[0], std::log(1 + std::exp(1.0) + std::exp(2.0)), 1e-6);
}

TEST(Operations, Contractions) {
  const Tensor x = counting({2, 3}), y = counting({3, 2});
  EXPECT_EQ(matmul(x, y).to_vector<float>(), (F{10, 13, 28, 40}));
  EXPECT_EQ(matmul(x, counting({3})).to_vector<float>(), (F{5, 14}));
  EXPECT_EQ(matmul(counting({2}), x).to_vector<float>(), (F{3, 4, 5}));
  EXPECT_EQ(matmul(counting({3}), counting({3})).item<float>(), 5);
  EXPECT_EQ(matmul(counting({4, 1, 2, 3}), counting({5, 3, 2})).shape(), (Shape{4, 5, 2, 2}));
  EXPECT_EQ(matmul(counting({4, 2, 3}), y).shape(), (Shape{4, 2, 2}));
  EXPECT_EQ(einsum("ij,jk->ki", {x, y}).to_vector<float>(), (F{10, 28, 13, 40}));
  EXPECT_EQ(einsum("ij->j", {x}).to_vector<float>(), (F{3, 5, 7}));
  EXPECT_EQ(einsum("bi,bi->b", {x, x}).to_vector<float>(), (F{5, 50}));
}

TEST(Operations, OrderAndIndices) {
  const Tensor x = tensor({3.0f, 1.0f, 2.0f});
  EXPECT_EQ(sort(x).to_vector<float>(), (F{1, 2, 3}));
  EXPECT_EQ(sort(x, -1, true).to_vector<float>(), (F{3, 2, 1}));
  EXPECT_EQ(argsort(x).to_vector<std::int64_t>(), (I{1, 2, 0}));
  const TopK top = top_k(x, 2);
  EXPECT_EQ(top.values.to_vector<float>(), (F{3, 2}));
  EXPECT_EQ(top.indices.to_vector<std::int64_t>(), (I{0, 2}));
  EXPECT_EQ(gather(x, tensor({2, 0})).to_vector<float>(), (F{2, 3}));
  EXPECT_EQ(one_hot(tensor({1, 0}), 2).to_vector<float>(), (F{0, 1, 1, 0}));
  EXPECT_EQ(scatter_elements(x, tensor({0, 0}), tensor({10.0f, 20.0f}), 0, "add").to_vector<float>(),
            (F{33, 1, 2}));
  try {
    gather(x, tensor({3})).wait();
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::out_of_range);
  }
}

TEST(Operations, ChooseAndConvert) {
  const Tensor x = tensor({-1.5f, 0.5f, 300.0f});
  EXPECT_EQ(where(x > 0, x, 0).to_vector<float>(), (F{0, 0.5f, 300}));
  EXPECT_EQ(clamp(x, -1, 1).to_vector<float>(), (F{-1, 0.5f, 1}));
  EXPECT_EQ(astype(x, DType::u8).to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{0, 0, 255}));
  EXPECT_EQ(bitcast(tensor({1.0f}), DType::i32).item<std::int32_t>(), 0x3f800000);
  EXPECT_EQ((!tensor({true, false})).to_vector<bool>(), (std::vector<bool>{false, true}));
  EXPECT_EQ((tensor({7, -7}) / 2).to_vector<int>(), (std::vector<int>{3, -3}));
  EXPECT_EQ((tensor({1, 2}) << 3).to_vector<int>(), (std::vector<int>{8, 16}));
}

TEST(Operations, Composites) {
  const Tensor x = counting({2, 3});
  EXPECT_NEAR(sum(softmax(x, -1)).item<float>(), 2.0f, 1e-6);
  EXPECT_EQ(relu(x - 3).to_vector<float>(), (F{0, 0, 0, 0, 1, 2}));
  EXPECT_NEAR(sum(exp(log_softmax(x))).item<float>(), 2.0f, 1e-6);
  const F n = layer_norm(x).to_vector<float>();
  EXPECT_NEAR(n[0], -1.2247, 1e-3);
  EXPECT_EQ(n[1], 0);
  EXPECT_EQ(softmax(astype(x, DType::bf16)).dtype(), DType::bf16);
  EXPECT_EQ(linear(x, ones({3, 2}), tensor({1.0f, 2.0f})).to_vector<float>(), (F{4, 5, 13, 14}));
  const Tensor image = counting({1, 1, 3, 3});
  EXPECT_EQ(conv(image, ones({1, 1, 2, 2})).to_vector<float>(), (F{8, 12, 20, 24}));
  EXPECT_EQ(conv_transpose(ones({1, 1, 2, 2}), ones({1, 1, 2, 2})).to_vector<float>(),
            (F{1, 2, 1, 2, 4, 2, 1, 2, 1}));
  EXPECT_EQ(max_pool(image, {2, 2}, {.strides = {1, 1}}).to_vector<float>(), (F{4, 5, 7, 8}));
  EXPECT_EQ(avg_pool(image, {3, 3}).item<float>(), 4);
  EXPECT_EQ(avg_pool(image, {2, 2}, {.strides = {2, 2}, .low = {1, 1}}).to_vector<float>(),
            (F{0, 1.5f, 4.5f, 6}));
  const Tensor q = counting({1, 2, 4}) * 0.1f;
  EXPECT_EQ(attention(q, q, ones({1, 2, 3})).to_vector<float>(), (F{1, 1, 1, 1, 1, 1}));
  EXPECT_NEAR(cross_entropy(zeros({2, 4}), tensor({1, 3})).item<float>(), std::log(4.0), 1e-6);
}

TEST(Operations, RandomNumbers) {
  Generator g(42), h(42);
  const Tensor a = g.uniform({1000}), b = h.uniform({1000});
  EXPECT_EQ(a.to_vector<float>(), b.to_vector<float>());
  EXPECT_NE(g.uniform({1000}).to_vector<float>(), a.to_vector<float>());
  for (float v : a.data<float>()) {
    ASSERT_GE(v, 0.0f);
    ASSERT_LT(v, 1.0f);
  }
  const Tensor z = g.normal({100'000});
  EXPECT_NEAR(mean(z).item<float>(), 0, 0.02);
  EXPECT_NEAR(variance(z).item<float>(), 1, 0.02);
  EXPECT_TRUE(all(is_finite(z)).item<bool>());
  EXPECT_EQ(g.normal({3}, 0, 1, DType::f64).dtype(), DType::f64);
}

TEST(Operations, NpyRoundTrip) {
  const std::string path = testing::TempDir() + "leat_operations_test.npy";
  save_npy(path, counting({2, 3}) * 2);
  EXPECT_EQ(load_npy(path).to_string(), "f32[2,3] {{0, 2, 4}, {6, 8, 10}}");
  std::filesystem::remove(path);
  try {
    load_npy(path);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::not_found);
  }
}

TEST(Operations, CustomOps) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  std::atomic<int> calls{0};
  context.RegisterCustom("twice", [&](std::span<const CustomArray> in, std::span<const CustomArray> out) {
    ++calls;
    for (std::size_t i = 0; i < in[0].as<float>().size(); ++i)
      out[0].as<float>()[i] = 2 * in[0].as<float>()[i];
    return Status();
  });
  context.RegisterCustom("throws", [](auto, auto) -> Status { throw std::runtime_error("no luck"); });
  const Tensor x = counting({3});
  const Tensor y = custom("twice", {x + 1}, {DType::f32, {3}});
  EXPECT_EQ((y + 1).to_vector<float>(), (F{3, 5, 7}));
  EXPECT_EQ(y.to_vector<float>(), (F{2, 4, 6}));  // kept: it runs once
  EXPECT_EQ(calls, 1);
  try {
    custom("throws", {x}, {DType::f32, {3}}).wait();
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::custom_op_failed);
    EXPECT_NE(std::string(e.what()).find("custom op throws threw: no luck"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace leat
