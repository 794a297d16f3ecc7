// Products on a GPU by cuBLASLt, played by a fake of it: what the library is asked, what is said where it
// cannot do it, and what happens when it fails.
#include "runtime/cuda/cublas_lt.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "compiler/compile.h"
#include "compiler/frontend/context_state.h"
#include "ir/parser.h"
#include "leat/leat.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;
using ::testing::HasSubstr;
using ::testing::Not;

/// LEAT_CUBLASLT while it lives.
class Library {
 public:
  explicit Library(const char* path) { ::setenv("LEAT_CUBLASLT", path, 1); }
  ~Library() { ::setenv("LEAT_CUBLASLT", LEAT_FAKE_CUBLASLT, 1); }
};

class CublasLtProducts : public ::testing::Test {
 protected:
  explicit CublasLtProducts(const char* library = LEAT_FAKE_CUBLASLT) : library_(library) {}
  void SetUp() override { Open({}); }
  void Open(ContextOptions options) {
    scope_.reset();
    context_.reset();
    options.workers = 2;
    options.gpu_devices = 2;
    options.cuda_driver = LEAT_FAKE_CUDA;
    context_ = std::make_unique<Context>(options);
    gpu_.Serve(context_->state()->engine());
    scope_ = std::make_unique<Context::Scope>(*context_);
  }
  std::string Program(const Tensor& t) { return context_->Dump(std::span(&t, 1), "program").value(); }
  std::int64_t Calls(const char* entry) { return gpu_.driver().calls()[entry]; }

  const Library library_;
  FakeGpu gpu_{{.devices = 2}};
  std::unique_ptr<Context> context_;
  std::unique_ptr<Context::Scope> scope_;
};

// Small whole numbers: every order of the sums has the same bits.
Tensor numbers(const Shape& shape, DType dtype, int of = 5) {
  const Tensor x = arange(shape.num_elements(), DType::f32);
  return astype(reshape(x - floor(x / of) * of - of / 2, shape), dtype).wait();
}

TEST_F(CublasLtProducts, HaveTheValuesOfTheCpu) {
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const Tensor x = numbers({6, 70}, dtype), y = numbers({70, 10}, dtype, 7);
    const std::int64_t before = Calls("cublasLtMatmul");
    const Tensor there = matmul(to_device(x, "gpu:0"), to_device(y, "gpu:0"));
    EXPECT_THAT(Program(there),
                HasSubstr("cuBLASLt " + std::string(name(dtype)) + " [6,70][70,10] algorithm 24"));
    EXPECT_EQ(astype(there, DType::f64).to_vector<double>(),
              astype(matmul(x, y), DType::f64).to_vector<double>());
    EXPECT_EQ(Calls("cublasLtMatmul"), before + 1);
  }
}

TEST_F(CublasLtProducts, TransposesAndBatchesAreStrides) {
  const Tensor x = numbers({3, 8, 20}, DType::f32), y = numbers({3, 20, 9}, DType::f32, 7),
               one = numbers({20, 9}, DType::f32, 3);
  const auto there = [](const Tensor& t) { return to_device(t, "gpu:1").wait(); };
  const auto turned = [](const Tensor& t) { return transpose(t, {0, 2, 1}); };
  const Tensor gx = there(x), gy = there(y), gone = there(one), gxt = there(turned(x)),
               gyt = there(turned(y));
  const std::vector<float> want = matmul(x, y).to_vector<float>();
  const std::int64_t kernels = Calls("cuLaunchKernel");
  EXPECT_EQ(matmul(gx, gy).to_vector<float>(), want);
  EXPECT_EQ(matmul(turned(gxt), gy).to_vector<float>(), want);
  EXPECT_EQ(matmul(gx, turned(gyt)).to_vector<float>(), want);
  EXPECT_EQ(matmul(turned(gxt), turned(gyt)).to_vector<float>(), want);
  EXPECT_EQ(matmul(gx, gone).to_vector<float>(), matmul(x, one).to_vector<float>());
  EXPECT_EQ(Calls("cublasLtMatmul"), 5);
  EXPECT_EQ(Calls("cuLaunchKernel"), kernels);  // nothing was transposed
}

TEST_F(CublasLtProducts, OneExtentsAndNoneAreRight) {
  const auto check = [](const Shape& a, const Shape& b) {
    const Tensor x = numbers(a, DType::f32), y = numbers(b, DType::f32, 7);
    EXPECT_EQ(matmul(to_device(x, "gpu:0"), to_device(y, "gpu:0")).to_vector<float>(),
              matmul(x, y).to_vector<float>())
        << a.ToString() << b.ToString();
  };
  check({1, 5}, {5, 4});
  check({4, 5}, {5, 1});
  check({4, 1}, {1, 3});
  check({1, 1}, {1, 1});
  EXPECT_EQ(Calls("cublasLtMatmul"), 4);
  check({4, 0}, {0, 3});
  check({0, 4}, {4, 3});
  EXPECT_EQ(Calls("cublasLtMatmul"), 4);
}

TEST_F(CublasLtProducts, OnePlanServesManyRunsAtOnce) {
  const Tensor w = to_device(numbers({64, 64}, DType::f32, 3), "gpu:0").wait();
  std::vector<Tensor> results;
  for (int i = 0; i < 30; ++i) {
    results.push_back(sum(matmul(to_device(full({8, 64}, static_cast<float>(i)), "gpu:0").wait(), w)));
    results.back().eval();
  }
  const float one = sum(w).item<float>() * 8;
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(results[static_cast<std::size_t>(i)].item<float>(), one * static_cast<float>(i));
  EXPECT_LE(Calls("cublasLtMatmulAlgoGetHeuristic"), 2);
}

TEST_F(CublasLtProducts, WhatTheLibraryIsNotAskedIsExactAndSaysWhy) {
  const Tensor x = to_device(numbers({4, 6}, DType::i32), "gpu:0"),
               y = to_device(numbers({6, 5}, DType::i32), "gpu:0");
  EXPECT_THAT(Program(matmul(x, y)), HasSubstr("(exact: products of integers always are)"));
  EXPECT_EQ(matmul(x, y).to_vector<std::int32_t>(),
            matmul(to_device(x, "cpu:0"), to_device(y, "cpu:0")).to_vector<std::int32_t>());
  // The library refuses this one.
  gpu_.driver().FailCall("cublasLtMatmulAlgoGetHeuristic", 1, runtime::cuda::CuResult::not_found);
  const Tensor a = to_device(numbers({4, 6}, DType::f32), "gpu:0");
  EXPECT_THAT(Program(matmul(a, transpose(a))),
              HasSubstr("(exact: gpu:0: cublasLtMatmulAlgoGetHeuristic: CUBLAS_STATUS_NOT_SUPPORTED)"));
  EXPECT_EQ(Calls("cublasLtMatmul"), 0);
}

TEST_F(CublasLtProducts, ExactContractionsDoWithoutIt) {
  Open({.exact_contractions = true});
  const Tensor x = to_device(numbers({4, 6}, DType::f32), "gpu:0");
  EXPECT_THAT(Program(matmul(x, transpose(x))), HasSubstr("(exact: asked for)"));
  matmul(x, transpose(x)).wait();
  EXPECT_EQ(Calls("cublasLtCreate"), 0);
}

TEST_F(CublasLtProducts, TheWorkspaceIsOfTheDevicesMemory) {
  const Tensor x = to_device(numbers({16, 128}, DType::f32), "gpu:0").wait();
  const std::string program = Program(matmul(x, transpose(x)));
  EXPECT_THAT(program, HasSubstr("workspace 4096B"));
  EXPECT_THAT(program, HasSubstr("u8[4352]")) << "with room to align it";
}

TEST_F(CublasLtProducts, ProductsAndKernelsTakeTurns) {
  const Tensor x = numbers({12, 12}, DType::f32, 3), w = numbers({12, 12}, DType::f32, 2);
  const auto f = [](Tensor t, const Tensor& v) {
    for (int i = 0; i < 4; ++i) t = minimum(maximum(matmul(t, v), -3), 3) + matmul(v, t);
    return t;
  };
  EXPECT_EQ(f(to_device(x, "gpu:0"), to_device(w, "gpu:0")).to_vector<float>(), f(x, w).to_vector<float>());
  EXPECT_EQ(Calls("cublasLtMatmul"), 8);
}

class NoCublasLt : public CublasLtProducts {
 protected:
  NoCublasLt() : CublasLtProducts("/nowhere/libcublasLt.so.13") {}
};

TEST_F(NoCublasLt, ProductsAreExactAndSayWhy) {
  const Tensor x = numbers({4, 6}, DType::f32), there = to_device(x, "gpu:0");
  EXPECT_THAT(Program(matmul(there, transpose(there))),
              HasSubstr("(exact: no cuBLASLt: /nowhere/libcublasLt.so.13: cannot open"));
  EXPECT_EQ(matmul(there, transpose(there)).to_vector<float>(), matmul(x, transpose(x)).to_vector<float>());
  EXPECT_THAT(runtime::cuda::describe_cublas_lt(),
              HasSubstr("absent: no cuBLASLt: /nowhere/libcublasLt.so.13: cannot"));
}

TEST_F(CublasLtProducts, RoundToTf32WhereThatIsAllowed) {
  const auto product = [] {
    const Tensor x = to_device(full({8, 4}, 1 + 0x1p-12f), "gpu:0").wait();
    return matmul(x, to_device(full({4, 8}, 1.0f), "gpu:0").wait());
  };
  EXPECT_EQ(product().to_vector<float>()[5], 4 + 0x1p-10f);
  Open({.tf32 = true});
  EXPECT_THAT(Program(product()), HasSubstr("cuBLASLt f32 as tf32 [8,4][4,8]"));
  EXPECT_EQ(product().to_vector<float>()[5], 4);
  Open({.exact_contractions = true, .tf32 = true});
  EXPECT_EQ(product().to_vector<float>()[5], 4 + 0x1p-10f);
}

TEST(CublasLt, NoneIsNothing) {
  const Library library("none");
  EXPECT_EQ(runtime::cuda::describe_cublas_lt(), "absent: no cuBLASLt: LEAT_CUBLASLT=none");
}

TEST(CublasLt, OpensAndSaysWhatIsThere) {
  const Library library(LEAT_FAKE_CUBLASLT);
  EXPECT_EQ(runtime::cuda::describe_cublas_lt(), "found: " LEAT_FAKE_CUBLASLT ", 13.0.2");
  const auto other = runtime::cuda::CublasLt::Open("libm.so.6");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().ToString(), "not_found: no cuBLASLt: libm.so.6 has no cublasLtGetVersion");
  const auto lt = runtime::cuda::CublasLt::Open().value();
  EXPECT_EQ(lt->Check(runtime::cuda::LtStatus{99}, "cublasLtMatmul").ToString(),
            "device_lost: cublasLtMatmul: status 99");
}

// A program that was compiled where there is no such device says so.
TEST(CublasLt, WithoutADeviceAPlanIsExactAndSaysWhy) {
  const auto graph = ir::parse(
      "%x: f32[4,6]\n%y: f32[6,5]\n%z = dot_general %x %y {batch_x=[], batch_y=[], contract_x=[1], "
      "contract_y=[0]}\n");
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  compiler::CompileOptions options;
  options.devices.push_back(compiler::describe_gpu_device(0, *runtime::cuda::gpu_description("sm_90")));
  options.input_devices = {1, 1};
  const auto code = compiler::make_code_cache({});
  const auto program = compiler::compile(*graph, options, *code);
  ASSERT_TRUE(program.ok()) << program.status().ToString();
  EXPECT_THAT(runtime::print(**program), HasSubstr("(exact: gpu:0 is not here to be asked for cuBLASLt)"));
}

}  // namespace
}  // namespace leat
