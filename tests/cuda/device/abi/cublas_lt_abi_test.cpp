// Our declarations of cuBLASLt's interface against NVIDIA's, where its headers are found; and the real
// library, where it is installed: descriptors need no GPU.
#include "runtime/cuda/cublas_lt_abi.h"

#include <cublasLt.h>
#include <gtest/gtest.h>

#include "runtime/cuda/cublas_lt.h"
#include "tests/cuda/device/abi/same_function.h"

namespace leat::runtime::cuda {
namespace {

#define LEAT_ENTRY(name, result, parameters)                                          \
  static_assert(SameFunction<result(*) parameters, decltype(&cublasLt##name)>::value, \
                "cublasLt" #name " is not declared as NVIDIA's header has it");
LEAT_CUBLASLT_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY

static_assert(sizeof(LtAlgorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(LtHeuristic) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(LtHeuristic, workspace_bytes) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(LtHeuristic, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(offsetof(LtHeuristic, waves) == offsetof(cublasLtMatmulHeuristicResult_t, wavesCount));

TEST(CublasLtAbi, NumbersAreThoseOfTheHeader) {
  const auto expect = [](auto ours, auto theirs) {
    EXPECT_EQ(static_cast<std::int64_t>(ours), static_cast<std::int64_t>(theirs));
  };
  expect(LtStatus::not_initialized, CUBLAS_STATUS_NOT_INITIALIZED);
  expect(LtStatus::alloc_failed, CUBLAS_STATUS_ALLOC_FAILED);
  expect(LtStatus::invalid_value, CUBLAS_STATUS_INVALID_VALUE);
  expect(LtStatus::execution_failed, CUBLAS_STATUS_EXECUTION_FAILED);
  expect(LtStatus::internal_error, CUBLAS_STATUS_INTERNAL_ERROR);
  expect(LtStatus::not_supported, CUBLAS_STATUS_NOT_SUPPORTED);
  expect(kLtF32, CUDA_R_32F);
  expect(kLtF64, CUDA_R_64F);
  expect(kLtF16, CUDA_R_16F);
  expect(kLtBf16, CUDA_R_16BF);
  expect(kLtCompute32F, CUBLAS_COMPUTE_32F);
  expect(kLtCompute64F, CUBLAS_COMPUTE_64F);
  expect(kLtCompute32FFastTf32, CUBLAS_COMPUTE_32F_FAST_TF32);
  expect(kLtLayoutBatchCount, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
  expect(kLtLayoutBatchStride, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
  expect(kLtTransposeA, CUBLASLT_MATMUL_DESC_TRANSA);
  expect(kLtTransposeB, CUBLASLT_MATMUL_DESC_TRANSB);
  expect(kLtEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
  expect(kLtBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
  expect(kLtEpilogueDefault, CUBLASLT_EPILOGUE_DEFAULT);
  expect(kLtEpilogueRelu, CUBLASLT_EPILOGUE_RELU);
  expect(kLtEpilogueBias, CUBLASLT_EPILOGUE_BIAS);
  expect(kLtEpilogueGelu, CUBLASLT_EPILOGUE_GELU);
  expect(kLtEpilogueRelu | kLtEpilogueBias, CUBLASLT_EPILOGUE_RELU_BIAS);
  expect(kLtEpilogueGelu | kLtEpilogueBias, CUBLASLT_EPILOGUE_GELU_BIAS);
  expect(kLtMaxWorkspaceBytes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
  expect(kLtReductionSchemes, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
  expect(kLtAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  expect(kLtAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
  expect(kLtAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
  expect(kLtAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
  expect(kLtAlgorithmId, CUBLASLT_ALGO_CONFIG_ID);
  expect(kLtNotTransposed, CUBLAS_OP_N);
  expect(kLtTransposed, CUBLAS_OP_T);
  expect(kLtReduceInComputeType, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
}

// Every attribute that Leat sets has the size that the library wants.
TEST(CublasLtAbi, TheRealLibraryTakesWhatLeatSets) {
  StatusOr<std::shared_ptr<const CublasLt>> opened = CublasLt::Open("libcublasLt.so.13");
  if (!opened.ok()) opened = CublasLt::Open("libcublasLt.so.12");
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  const CublasLt& lt = **opened;
  EXPECT_NE(lt.version().find('.'), std::string::npos);
  LtMatmulDesc desc = nullptr;
  ASSERT_EQ(lt.MatmulDescCreate(&desc, kLtCompute32F, kLtF32), LtStatus::success);
  const std::int32_t transposed = kLtTransposed, count = 3;
  EXPECT_EQ(lt.MatmulDescSetAttribute(desc, kLtTransposeA, &transposed, sizeof transposed),
            LtStatus::success);
  EXPECT_EQ(lt.MatmulDescSetAttribute(desc, kLtTransposeB, &transposed, sizeof transposed),
            LtStatus::success);
  EXPECT_NE(lt.MatmulDescSetAttribute(desc, kLtTransposeB, &transposed, 1), LtStatus::success);
  const std::uint32_t epilogue = kLtEpilogueGelu | kLtEpilogueBias;
  const void* const bias = &epilogue;
  EXPECT_EQ(lt.MatmulDescSetAttribute(desc, kLtEpilogue, &epilogue, sizeof epilogue), LtStatus::success);
  EXPECT_EQ(lt.MatmulDescSetAttribute(desc, kLtBiasPointer, &bias, sizeof bias), LtStatus::success);
  LtLayout layout = nullptr;
  ASSERT_EQ(lt.MatrixLayoutCreate(&layout, kLtBf16, 4, 5, 8), LtStatus::success);
  const std::int64_t stride = 40;
  EXPECT_EQ(lt.MatrixLayoutSetAttribute(layout, kLtLayoutBatchCount, &count, sizeof count),
            LtStatus::success);
  EXPECT_EQ(lt.MatrixLayoutSetAttribute(layout, kLtLayoutBatchStride, &stride, sizeof stride),
            LtStatus::success);
  LtPreference preference = nullptr;
  ASSERT_EQ(lt.MatmulPreferenceCreate(&preference), LtStatus::success);
  const std::uint64_t bytes = 1 << 20;
  const std::uint32_t alignment = 16;
  EXPECT_EQ(lt.MatmulPreferenceSetAttribute(preference, kLtMaxWorkspaceBytes, &bytes, sizeof bytes),
            LtStatus::success);
  EXPECT_EQ(lt.MatmulPreferenceSetAttribute(preference, kLtReductionSchemes, &kLtReduceInComputeType,
                                            sizeof kLtReduceInComputeType),
            LtStatus::success);
  for (LtPreferenceAttribute which : {kLtAlignmentA, kLtAlignmentB, kLtAlignmentC, kLtAlignmentD}) {
    EXPECT_EQ(lt.MatmulPreferenceSetAttribute(preference, which, &alignment, sizeof alignment),
              LtStatus::success)
        << which;
  }
  EXPECT_STREQ(lt.GetStatusName(LtStatus::not_supported), "CUBLAS_STATUS_NOT_SUPPORTED");
  EXPECT_EQ(lt.MatmulPreferenceDestroy(preference), LtStatus::success);
  EXPECT_EQ(lt.MatrixLayoutDestroy(layout), LtStatus::success);
  EXPECT_EQ(lt.MatmulDescDestroy(desc), LtStatus::success);
}

}  // namespace
}  // namespace leat::runtime::cuda
