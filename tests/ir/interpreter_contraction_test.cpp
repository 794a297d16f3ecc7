// dot_general, convolution and attention of the interpreter: values, and the exact order of accumulation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/scalar_arithmetic.h"
#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

std::string dot(std::string_view x, std::string_view y, std::string_view attrs) {
  return evaluate("%x = constant {value=" + std::string(x) + "\n%y = constant {value=" + std::string(y) +
                  "\n%z = dot_general %x %y {" + std::string(attrs) + "}");
}

constexpr const char* kMatmul = "batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]";

TEST(InterpretDot, SmallIntegersInEveryDtype) {
  for (const std::string t :
       {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "bf16", "f32", "f64"}) {
    EXPECT_EQ(dot("[[1,2,3],[4,5,6]]} : " + t + "[2,3]", "[[1,0],[0,1],[2,2]]} : " + t + "[3,2]", kMatmul),
              t + "[2,2] [7, 8, 16, 17]");
  }
}

TEST(InterpretDot, IntegersWrap) {
  EXPECT_EQ(
      dot("[100,100]} : i8[2]", "[2,3]} : i8[2]", "batch_x=[], batch_y=[], contract_x=[0], contract_y=[0]"),
      "i8[] -12");
}

TEST(InterpretDot, BatchAndFreeDimensions) {
  // z[b,i,j] = sum over k of x[i,b,k] y[k,j,b].
  EXPECT_EQ(
      evaluate("%i = iota {axis=0} : i32[12]\n%x = reshape %i : i32[2,2,3]\n%y = reshape %i : i32[3,2,2]\n"
               "%z = dot_general %x %y {batch_x=[1], batch_y=[2], contract_x=[2], contract_y=[0]}"),
      "i32[2,2,2] [20, 26, 92, 134, 68, 92, 158, 218]");
  // No contracting dimension: an outer product. Nothing to contract over: zeros.
  EXPECT_EQ(dot("[1,2]} : f32[2]", "[3,4]} : f32[2]", "batch_x=[], batch_y=[], contract_x=[], contract_y=[]"),
            "f32[2,2] [3, 4, 6, 8]");
  EXPECT_EQ(dot("0} : f32[2,0]", "0} : f32[0,1]", kMatmul), "f32[2,1] 0");
  EXPECT_EQ(dot("0} : f32[0,2]", "1} : f32[2,3]", kMatmul), "f32[0,3] []");
}

TEST(InterpretDot, OrderOfContractingDimensions) {
  // Row-major over contract_x as listed: dimension 1 of x is the outer one here, so the order of the terms is
  // 1e8, -1e8, 1, 1 (= 2 in f32). In the other order, 1e8, 1, -1e8, 1, the first 1 would be lost.
  const std::string x = "[[1e8,1],[-1e8,1]]} : f32[2,2]", ones = "1} : f32[2,2]";
  EXPECT_EQ(dot(x, ones, "batch_x=[], batch_y=[], contract_x=[1,0], contract_y=[1,0]"), "f32[] 2");
  EXPECT_EQ(dot(x, ones, "batch_x=[], batch_y=[], contract_x=[0,1], contract_y=[0,1]"), "f32[] 1");
}

template <class T>
Array random_array(const Shape& shape, std::mt19937& random) {
  std::vector<T> v(static_cast<std::size_t>(shape.num_elements()));
  std::normal_distribution<float> normal;
  for (T& e : v) e = static_cast<T>(normal(random));
  return array_of<T>(shape, v);
}

Array run(const std::string& text, const std::vector<Array>& inputs) {
  const StatusOr<Graph> graph = parse(text);
  EXPECT_EQ(graph.status().message(), "");
  StatusOr<std::vector<Array>> results = interpret(*graph, inputs);
  EXPECT_EQ(results.status().message(), "");
  return (*results)[0];
}

template <class T, class A>
void check_sequential_fma() {
  std::mt19937 random(3);
  constexpr std::int64_t m = 5, n = 37, k = 129;
  const Array x = random_array<T>({m, k}, random), y = random_array<T>({n, k}, random);
  const std::string t(name(dtype_of<T>()));
  const Array z = run("%x: " + t + "[5,129]\n%y: " + t +
                          "[37,129]\n%z = dot_general %x %y "
                          "{batch_x=[], batch_y=[], contract_x=[1], contract_y=[1]}",
                      {x, y});
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      A acc = 0;
      for (std::int64_t l = 0; l < k; ++l) {
        acc = std::fma(static_cast<A>(x.as<T>()[i * k + l]), static_cast<A>(y.as<T>()[j * k + l]), acc);
      }
      ASSERT_EQ(order_key(z.as<T>()[i * n + j]), order_key(static_cast<T>(acc))) << i << " " << j;
    }
  }
}

TEST(InterpretDot, OneFmaAStepInOrder) {
  check_sequential_fma<float, float>();
  check_sequential_fma<double, double>();
  check_sequential_fma<float16, float>();
  check_sequential_fma<bfloat16, float>();
}

TEST(InterpretConvolution, OneDimension) {
  const auto convolve = [](std::string_view attrs) {
    return evaluate(
        "%x = constant {value=[[[1,2,3,4]]]} : f32[1,1,4]\n%w = constant {value=[[[10,1]]]} : "
        "f32[1,1,2]\n%y = convolution %x %w {" +
        std::string(attrs) + ", groups=1}");
  };
  EXPECT_EQ(convolve("strides=[1], low=[0], high=[0], input_dilation=[1], dilation=[1]"),
            "f32[1,1,3] [12, 23, 34]");
  EXPECT_EQ(convolve("strides=[1], low=[1], high=[1], input_dilation=[1], dilation=[1]"),
            "f32[1,1,5] [1, 12, 23, 34, 40]");
  EXPECT_EQ(convolve("strides=[2], low=[1], high=[0], input_dilation=[1], dilation=[1]"),
            "f32[1,1,2] [1, 23]");
  EXPECT_EQ(convolve("strides=[1], low=[0], high=[0], input_dilation=[1], dilation=[2]"),
            "f32[1,1,2] [13, 24]");
  // Dilated input 1 _ 2 _ 3 _ 4: windows (1,_) (_,2) (2,_) ...
  EXPECT_EQ(convolve("strides=[1], low=[0], high=[0], input_dilation=[2], dilation=[1]"),
            "f32[1,1,6] [10, 2, 20, 3, 30, 4]");
  EXPECT_EQ(convolve("strides=[1], low=[9], high=[0], input_dilation=[1], dilation=[9]"),
            "f32[1,1,4] [1, 2, 3, 4]");
}

TEST(InterpretConvolution, AbsentTermsAreSkipped) {
  // inf in the kernel meets only padding at the border: no inf * 0.
  EXPECT_EQ(
      evaluate("%x = constant {value=[[[1]]]} : f32[1,1,1]\n%w = constant {value=[[[inf,2,inf]]]} : "
               "f32[1,1,3]\n%y = convolution %x %w {strides=[1], low=[1], high=[1], input_dilation=[1], "
               "dilation=[1], groups=1}"),
      "f32[1,1,1] [2]");
}

TEST(InterpretConvolution, Groups) {
  EXPECT_EQ(
      evaluate("%x = constant {value=[[[1,2],[3,4]]]} : i32[1,2,2]\n%w = constant "
               "{value=[[[1]],[[10]],[[100]],[[1000]]]} : i32[4,1,1]\n%y = convolution %x %w {strides=[1], "
               "low=[0], high=[0], input_dilation=[1], dilation=[1], groups=2}"),
      "i32[1,4,2] [1, 2, 10, 20, 300, 400, 3000, 4000]");
}

// The definition, element by element, in another shape than the interpreter's loops.
TEST(InterpretConvolution, AgreesWithTheDefinition) {
  std::mt19937 random(5);
  constexpr std::int64_t N = 2, C = 4, H = 7, W = 9, O = 6, KH = 3, KW = 2, G = 2;
  const Array x = random_array<float>({N, C, H, W}, random),
              w = random_array<float>({O, C / G, KH, KW}, random);
  for (const auto& [stride, low, high, id, dil] : {std::array<std::int64_t, 5>{1, 0, 0, 1, 1},
                                                   {2, 1, 2, 1, 1},
                                                   {1, 2, 1, 1, 2},
                                                   {2, 3, 3, 2, 1},
                                                   {3, 2, 0, 3, 2}}) {
    const auto pair = [](std::int64_t v) { return "[" + std::to_string(v) + "," + std::to_string(v) + "]"; };
    const Array y =
        run("%x: f32[2,4,7,9]\n%w: f32[6,2,3,2]\n%y = convolution %x %w {strides=" + pair(stride) +
                ", low=" + pair(low) + ", high=" + pair(high) + ", input_dilation=" + pair(id) +
                ", dilation=" + pair(dil) + ", groups=2}",
            {x, w});
    const std::int64_t PH = y.type.shape[2], PW = y.type.shape[3];
    EXPECT_EQ(PH, ((H - 1) * id + 1 + low + high - ((KH - 1) * dil + 1)) / stride + 1);
    EXPECT_EQ(PW, ((W - 1) * id + 1 + low + high - ((KW - 1) * dil + 1)) / stride + 1);
    for (std::int64_t e = 0; e < N * O * PH * PW; ++e) {
      const std::int64_t pw = e % PW, ph = e / PW % PH, o = e / (PW * PH) % O, n = e / (PW * PH * O);
      float acc = 0;
      for (std::int64_t c = 0; c < C / G; ++c) {
        for (std::int64_t kh = 0; kh < KH; ++kh) {
          for (std::int64_t kw = 0; kw < KW; ++kw) {
            const std::int64_t h = ph * stride - low + kh * dil, v = pw * stride - low + kw * dil;
            if (h < 0 || v < 0 || h % id != 0 || v % id != 0 || h / id >= H || v / id >= W) continue;
            const std::int64_t channel = o / (O / G) * (C / G) + c;
            acc = std::fma(x.as<float>()[((n * C + channel) * H + h / id) * W + v / id],
                           w.as<float>()[((o * (C / G) + c) * KH + kh) * KW + kw], acc);
          }
        }
      }
      ASSERT_EQ(y.as<float>()[e], acc) << "element " << e << ", stride " << stride;
    }
  }
}

TEST(InterpretConvolution, ThreeDimensionsAndHalf) {
  EXPECT_EQ(evaluate("%x = constant {value=1} : f16[1,2,3,3,3]\n%w = constant {value=2} : f16[1,2,3,3,3]\n"
                     "%y = convolution %x %w {strides=[1,1,1], low=[0,0,0], high=[0,0,1], "
                     "input_dilation=[1,1,1], dilation=[1,1,1], groups=1}"),
            "f16[1,1,1,1,2] [108, 72]");
}

TEST(InterpretAttention, UniformWeights) {
  // Equal scores: the mean of v's rows.
  EXPECT_EQ(
      evaluate(
          "%q = constant {value=0} : f32[1,2]\n%k = constant {value=[[1,2],[3,4]]} : f32[2,2]\n"
          "%v = constant {value=[[1,10,100],[3,30,300]]} : f32[2,3]\n%y = attention %q %k %v {scale=1.0}"),
      "f32[1,3] [2, 20, 200]");
}

TEST(InterpretAttention, CausalIsAlignedToTheLastKey) {
  // Two queries, three keys, all scores equal: query 0 sees keys 0 and 1, query 1 sees all.
  const std::string text =
      "%q = constant {value=0} : f64[2,1]\n%k = constant {value=1} : f64[3,1]\n"
      "%v = constant {value=[[2],[4],[9]]} : f64[3,1]\n";
  EXPECT_EQ(evaluate(text + "%y = attention %q %k %v {scale=1.0, causal=true}"), "f64[2,1] [3, 5]");
}

TEST(InterpretAttention, MaskAndEmptyRows) {
  const std::string text =
      "%q = constant {value=0} : f32[2,1]\n%k = constant {value=1} : f32[2,1]\n"
      "%v = constant {value=[[2],[4]]} : f32[2,1]\n";
  EXPECT_EQ(evaluate(text + "%m = constant {value=[[0,-inf],[-inf,-inf]]} : f32[2,2]\n"
                            "%y = attention %q %k %v %m {scale=1.0}"),
            "f32[2,1] [2, nan]");
  EXPECT_EQ(evaluate("%q = constant {value=0} : f32[1,1]\n%k = constant {value=1} : f32[0,1]\n"
                     "%y = attention %q %k %k {scale=1.0}"),
            "f32[1,1] [nan]");
}

TEST(InterpretAttention, AgreesWithItsParts) {
  std::mt19937 random(9);
  const Array q = random_array<float16>({2, 5, 8}, random), k = random_array<float16>({2, 70, 8}, random),
              v = random_array<float16>({2, 70, 3}, random);
  const std::string types = "%q: f16[2,5,8]\n%k: f16[2,70,8]\n%v: f16[2,70,3]\n";
  const Array whole = run(types + "%y = attention %q %k %v {scale=0.25}", {q, k, v});
  const Array parts =
      run(types +
              "%a = convert %q {dtype=f32}\n%b = convert %k {dtype=f32}\n%c = convert %v {dtype=f32}\n"
              "%d = dot_general %a %b {batch_x=[0], batch_y=[0], contract_x=[2], contract_y=[2]}\n"
              "%e = constant {value=0.25} : f32[2,5,70]\n%f = mul %d %e\n"
              "%g = reduce_max %f {dims=[2]}\n%h = broadcast %g {dims=[0,1]} : f32[2,5,70]\n"
              "%i = sub %f %h\n%p = exp %i\n%s = reduce_sum %p {dims=[2]}\n"
              "%o = dot_general %p %c {batch_x=[0], batch_y=[0], contract_x=[2], contract_y=[1]}\n"
              "%t = broadcast %s {dims=[0,1]} : f32[2,5,3]\n%u = div %o %t\n%y = convert %u {dtype=f16}",
          {q, k, v});
  EXPECT_EQ(show(whole), show(parts));
}

}  // namespace
}  // namespace leat::ir
