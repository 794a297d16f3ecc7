// The fake of cuBLASLt itself: its complaints are what other tests rely on.
#include "runtime/cuda/cublas_lt.h"
#include "runtime/cuda/gpu.h"
#include "runtime/cuda/lt_matmul.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;

// What the real library refuses, or answers with wrong results, the fake complains of.
TEST(FakeCublasLt, ComplainsOfMisuse) {
  using namespace runtime::cuda;  // NOLINT: the names of the interface
  FakeGpu fake({.devices = 1});
  const auto driver = Driver::Open(LEAT_FAKE_CUDA).value();
  const auto gpu = Gpu::Create(driver, 0).value();
  const Gpu::Current current(*gpu);
  const Gpu::Lt lt = gpu->Contractions().value();
  const CuStream stream = gpu->TakeStreams().value()->front();
  const auto memory = gpu->MakeAllocator();
  auto* const block = static_cast<std::byte*>(memory->Allocate(4096, 64));
  runtime::cpu::MatmulDescriptor d;
  d.m = d.n = d.k = 8;
  d.x_m_stride = d.y_k_stride = 8;
  const auto plan = LtMatmul::Plan(*gpu, d).value();
  const auto complaint = [&](const void* x, const void* y, std::byte* out) {
    plan->Run(*gpu, stream, {.x = x, .y = y, .out = out}).IgnoreError();
    gpu->Quiesce();
    return fake.driver().TakeComplaints();
  };
  EXPECT_EQ(complaint(block, block + 256, block + 512), "");
  EXPECT_EQ(complaint(block, block + 256, block + 8192), "cublasLtMatmul: an operand is not there\n");
  EXPECT_EQ(complaint(block, block + 256, block + 4000), "cublasLtMatmul: an operand is not there\n");
  LtLayout narrow = nullptr, wide = nullptr;
  LtMatmulDesc desc = nullptr, doubles = nullptr;
  LtPreference preference = nullptr;
  ASSERT_EQ(lt.library->MatrixLayoutCreate(&narrow, kLtF32, 8, 8, 4), LtStatus::success);
  ASSERT_EQ(lt.library->MatrixLayoutCreate(&wide, kLtF32, 8, 8, 16), LtStatus::success);
  ASSERT_EQ(lt.library->MatmulDescCreate(&desc, kLtCompute32F, kLtF32), LtStatus::success);
  ASSERT_EQ(lt.library->MatmulDescCreate(&doubles, kLtCompute64F, kLtF64), LtStatus::success);
  ASSERT_EQ(lt.library->MatmulPreferenceCreate(&preference), LtStatus::success);
  LtHeuristic best;
  const auto ask = [&](LtMatmulDesc of, LtLayout a, LtLayout b, LtLayout c, LtLayout out) {
    int found = 0;
    lt.library->MatmulAlgoGetHeuristic(lt.handle, of, a, b, c, out, preference, 1, &best, &found);
    EXPECT_EQ(found, 0);
    return fake.driver().TakeComplaints();
  };
  const std::string call = "cublasLtMatmulAlgoGetHeuristic: ";
  EXPECT_EQ(ask(desc, wide, narrow, wide, wide), call + "a leading dimension is less than the rows\n");
  EXPECT_EQ(ask(desc, wide, wide, narrow, wide), call + "C has another layout than D\n");
  EXPECT_EQ(ask(doubles, wide, wide, wide, wide), call + "the scalars have another type\n");
  EXPECT_EQ(ask(desc, wide, wide, wide, wide),
            call + "partial sums may be joined in the type of the result\n");
  const std::uint32_t joined = kLtReduceInComputeType;
  lt.library->MatmulPreferenceSetAttribute(preference, kLtReductionSchemes, &joined, 2);
  EXPECT_EQ(fake.driver().TakeComplaints(),
            "cublasLtMatmulPreferenceSetAttribute: an attribute of 2 bytes\n");
  lt.library->MatmulPreferenceSetAttribute(preference, kLtReductionSchemes, &joined, sizeof joined);
  int found = 0;
  ASSERT_EQ(lt.library->MatmulAlgoGetHeuristic(lt.handle, desc, wide, wide, wide, wide, preference, 1, &best,
                                               &found),
            LtStatus::success);
  lt.library->MatmulPreferenceDestroy(preference);
  EXPECT_EQ(ask(desc, wide, wide, wide, wide), call + "no such matmul preferences\n");
  const float one = 1, zero = 0, two = 2;
  const auto check = [&](LtLayout a, const void* x, void* workspace, const float* beta) {
    lt.library->Matmul(lt.handle, desc, &one, x, a, block, wide, beta, block, wide, block, wide,
                       &best.algorithm, workspace, 0, stream);
    return fake.driver().TakeComplaints();
  };
  EXPECT_EQ(check(wide, block, nullptr, &two), "cublasLtMatmul with other factors than 1, and 0 or 1\n");
  EXPECT_EQ(check(wide, block + 16, nullptr, &zero), "cublasLtMatmul with an operand that is not aligned\n");
  EXPECT_EQ(check(wide, block, block + 64, &zero), "cublasLtMatmul with a workspace that is not aligned\n");
  EXPECT_EQ(lt.library->MatrixLayoutDestroy(narrow), LtStatus::success);
  ASSERT_EQ(lt.library->MatrixLayoutCreate(&narrow, kLtF32, 8, 8, 8), LtStatus::success);
  EXPECT_EQ(check(narrow, block, nullptr, &zero), "cublasLtMatmul with the algorithm of another product\n");
  EXPECT_NE(fake.driver().Leaks().find("5 matrix layouts"), std::string::npos) << fake.driver().Leaks();
  for (LtLayout layout : {narrow, wide}) lt.library->MatrixLayoutDestroy(layout);
  for (LtMatmulDesc made : {desc, doubles}) lt.library->MatmulDescDestroy(made);
  memory->Free(block, 4096, 64);
}

// And of what is described as an epilogue.
TEST(FakeCublasLt, ComplainsOfEpilogues) {
  using namespace runtime::cuda;  // NOLINT: the names of the interface
  FakeGpu fake({.devices = 1});
  const auto driver = Driver::Open(LEAT_FAKE_CUDA).value();
  const auto gpu = Gpu::Create(driver, 0).value();
  const Gpu::Current current(*gpu);
  const Gpu::Lt lt = gpu->Contractions().value();
  const CuStream stream = gpu->TakeStreams().value()->front();
  const auto memory = gpu->MakeAllocator();
  auto* const block = static_cast<std::byte*>(memory->Allocate(4096, 64));
  runtime::cpu::MatmulDescriptor d;
  d.m = d.n = d.k = 8;
  d.x_m_stride = d.y_k_stride = 8;
  const auto plan = LtMatmul::Plan(*gpu, d, {.epilogue = {.residual = true, .bias = true}}).value();
  EXPECT_NE(plan->ToString().find("[8,8][8,8] with residual+bias algorithm"), std::string::npos);
  const auto complaint = [&](std::byte* bias, std::byte* residual) {
    plan->Run(*gpu, stream,
              {.x = block, .y = block + 256, .bias = bias, .residual = residual, .out = block + 512})
        .IgnoreError();
    gpu->Quiesce();
    return fake.driver().TakeComplaints();
  };
  EXPECT_EQ(complaint(block + 1024, block + 1280), "");
  EXPECT_EQ(complaint(block + 8192, block), "cublasLtMatmul: the bias is not there\n");
  EXPECT_EQ(complaint(block, block + 4096 - 16), "cublasLtMatmul: C is not there\n");
  EXPECT_EQ(complaint(block + 4, block), "cublasLtMatmul with a bias that is not aligned\n");
  EXPECT_FALSE(gpu->lost().ok());
  LtLayout layout = nullptr;
  LtMatmulDesc desc = nullptr;
  LtPreference preference = nullptr;
  ASSERT_EQ(lt.library->MatrixLayoutCreate(&layout, kLtF32, 8, 8, 8), LtStatus::success);
  ASSERT_EQ(lt.library->MatmulDescCreate(&desc, kLtCompute32F, kLtF32), LtStatus::success);
  ASSERT_EQ(lt.library->MatmulPreferenceCreate(&preference), LtStatus::success);
  const auto ask = [&](std::uint32_t epilogue, const void* bias) {
    lt.library->MatmulDescSetAttribute(desc, kLtEpilogue, &epilogue, sizeof epilogue);
    lt.library->MatmulDescSetAttribute(desc, kLtBiasPointer, &bias, sizeof bias);
    LtHeuristic best;
    int found = 0;
    lt.library->MatmulAlgoGetHeuristic(lt.handle, desc, layout, layout, layout, layout, preference, 1, &best,
                                       &found);
    EXPECT_EQ(found, 0);
    return fake.driver().TakeComplaints();
  };
  const std::string call = "cublasLtMatmulAlgoGetHeuristic: ";
  EXPECT_EQ(ask(kLtEpilogueRelu | kLtEpilogueGelu, nullptr), call + "there is no such epilogue\n");
  EXPECT_EQ(ask(kLtEpilogueBias, nullptr), call + "a bias without an address\n");
  EXPECT_EQ(ask(kLtEpilogueRelu, block), call + "a bias that the epilogue does not add\n");
  const std::uint64_t wide = kLtEpilogueRelu;
  lt.library->MatmulDescSetAttribute(desc, kLtEpilogue, &wide, sizeof wide);
  EXPECT_EQ(fake.driver().TakeComplaints(), "cublasLtMatmulDescSetAttribute: an attribute of 8 bytes\n");
  lt.library->MatrixLayoutDestroy(layout);
  lt.library->MatmulDescDestroy(desc);
  lt.library->MatmulPreferenceDestroy(preference);
  memory->Free(block, 4096, 64);
}

}  // namespace
}  // namespace leat
