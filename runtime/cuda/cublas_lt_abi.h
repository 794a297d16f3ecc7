// The part of cuBLASLt's interface that Leat calls, declared here: the build needs no CUDA toolkit.
//
// Types have the size, the alignment and the order of cublasLt.h's, of versions 12 and 13; a test compares
// each entry point with NVIDIA's header where that is found. LEAT_CUBLASLT_ENTRIES lists the entry points:
// name without "cublasLt", what it returns, parameters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/cuda/driver_abi.h"

namespace leat::runtime::cuda {

using LtHandle = struct LtHandleRecord*;          // cublasLtHandle_t
using LtMatmulDesc = struct LtMatmulDescRecord*;  // cublasLtMatmulDesc_t
using LtLayout = struct LtLayoutRecord*;          // cublasLtMatrixLayout_t
using LtPreference = struct LtPreferenceRecord*;  // cublasLtMatmulPreference_t

/// cublasStatus_t: those that Leat tells apart. Any other is a number with a name.
enum class LtStatus : std::int32_t {
  success = 0,
  not_initialized = 1,
  alloc_failed = 3,
  invalid_value = 7,
  execution_failed = 13,
  internal_error = 14,
  not_supported = 15,
};

enum LtDataType : std::int32_t { kLtF32 = 0, kLtF64 = 1, kLtF16 = 2, kLtBf16 = 14 };  // cudaDataType
enum LtComputeType : std::int32_t { kLtCompute32F = 68, kLtCompute64F = 70, kLtCompute32FFastTf32 = 77 };

enum LtLayoutAttribute : std::int32_t { kLtLayoutBatchCount = 5, kLtLayoutBatchStride = 6 };
enum LtMatmulDescAttribute : std::int32_t {
  kLtTransposeA = 3,
  kLtTransposeB = 4,
  kLtEpilogue = 7,
  kLtBiasPointer = 8,
};
enum LtPreferenceAttribute : std::int32_t {
  kLtMaxWorkspaceBytes = 1,
  kLtReductionSchemes = 3,
  kLtAlignmentA = 5,
  kLtAlignmentB = 6,
  kLtAlignmentC = 7,
  kLtAlignmentD = 8,
};
inline constexpr std::int32_t kLtAlgorithmId = 0;                       // CUBLASLT_ALGO_CONFIG_ID
inline constexpr std::int32_t kLtNotTransposed = 0, kLtTransposed = 1;  // cublasOperation_t
inline constexpr std::uint32_t kLtReduceInComputeType = 2;              // cublasLtReductionScheme_t
/// cublasLtEpilogue_t: bits, but for the default. The bias has a number for each row of D as it is stored, of
/// D's type.
inline constexpr std::uint32_t kLtEpilogueDefault = 1, kLtEpilogueRelu = 2, kLtEpilogueBias = 4,
                               kLtEpilogueGelu = 32;

struct LtAlgorithm {  // cublasLtMatmulAlgo_t
  std::uint64_t data[8] = {};
};
struct LtHeuristic {  // cublasLtMatmulHeuristicResult_t
  LtAlgorithm algorithm;
  std::size_t workspace_bytes = 0;
  LtStatus state = LtStatus::success;
  float waves = 0;
  std::int32_t reserved[4] = {};
};

// clang-format off
#define LEAT_CUBLASLT_ENTRIES(X)                                                                            \
  X(GetVersion, std::size_t, ())                                                                            \
  X(GetStatusName, const char*, (LtStatus status))                                                          \
  X(Create, LtStatus, (LtHandle* handle))                                                                   \
  X(Destroy, LtStatus, (LtHandle handle))                                                                   \
  X(MatrixLayoutCreate, LtStatus, (LtLayout* layout, LtDataType type, std::uint64_t rows,                   \
                                   std::uint64_t columns, std::int64_t leading))                            \
  X(MatrixLayoutDestroy, LtStatus, (LtLayout layout))                                                       \
  X(MatrixLayoutSetAttribute, LtStatus, (LtLayout layout, LtLayoutAttribute attribute, const void* value,   \
                                         std::size_t bytes))                                                \
  X(MatmulDescCreate, LtStatus, (LtMatmulDesc* desc, LtComputeType compute, LtDataType scale))              \
  X(MatmulDescDestroy, LtStatus, (LtMatmulDesc desc))                                                       \
  X(MatmulDescSetAttribute, LtStatus, (LtMatmulDesc desc, LtMatmulDescAttribute attribute,                  \
                                       const void* value, std::size_t bytes))                               \
  X(MatmulPreferenceCreate, LtStatus, (LtPreference* preference))                                           \
  X(MatmulPreferenceDestroy, LtStatus, (LtPreference preference))                                           \
  X(MatmulPreferenceSetAttribute, LtStatus, (LtPreference preference, LtPreferenceAttribute attribute,      \
                                             const void* value, std::size_t bytes))                         \
  X(MatmulAlgoGetHeuristic, LtStatus, (LtHandle handle, LtMatmulDesc desc, LtLayout a, LtLayout b,          \
                                       LtLayout c, LtLayout d, LtPreference preference, int wanted,         \
                                       LtHeuristic* results, int* found))                                   \
  X(MatmulAlgoConfigGetAttribute, LtStatus, (const LtAlgorithm* algorithm, std::int32_t attribute,          \
                                             void* value, std::size_t bytes, std::size_t* written))         \
  X(Matmul, LtStatus, (LtHandle handle, LtMatmulDesc desc, const void* alpha, const void* a, LtLayout a_layout, \
                       const void* b, LtLayout b_layout, const void* beta, const void* c, LtLayout c_layout, \
                       void* d, LtLayout d_layout, const LtAlgorithm* algorithm, void* workspace,           \
                       std::size_t workspace_bytes, CuStream stream))
// clang-format on

}  // namespace leat::runtime::cuda
