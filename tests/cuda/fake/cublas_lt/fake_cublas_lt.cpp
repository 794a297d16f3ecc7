// cuBLASLt without a GPU, for tests: a shared library beside the fake driver that plays the entry points of
// runtime/cuda/cublas_lt_abi.h on the fake devices' memory.
//
// It shares the fake driver's calls, failures and complaints: fake.FailCall("cublasLtMatmul", 2, ...) works,
// out of memory becomes ALLOC_FAILED, not_found NOT_SUPPORTED, anything else EXECUTION_FAILED. Complained of
// is what the real library refuses or answers with wrong results: descriptors that are gone or do not fit
// each other, types that do not go together, addresses that are not aligned as the heuristic was told, an
// algorithm that was chosen for another product, a workspace that is too small. A product overwrites all of
// its workspace.
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "tests/cuda/fake/cublas_lt/fake_product.h"
#include "tests/cuda/fake/fake_driver.h"

namespace leat::fake_cuda {
namespace {

using namespace runtime::cuda;  // NOLINT: the names of the interface that is played

FakeDriver& driver() { return *leat_fake_driver(); }

struct Handle {
  int device;
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t reductions = 7, alignment[4] = {256, 256, 256, 256};
};

// What was made and not destroyed, by kind.
template <class Made>
class Table {
 public:
  explicit Table(const char* what) : what_(what) {}
  template <class Key>
  void Add(Made made, Key* key) {
    const std::lock_guard lock(mutex_);
    auto owned = std::make_unique<Made>(made);
    *key = reinterpret_cast<Key>(owned.get());
    all_.emplace(owned.get(), std::move(owned));
    driver().CountAlive(what_, 1);
  }
  /// A copy; complains where there is none.
  std::optional<Made> Find(const void* key, const std::string& call) {
    const std::lock_guard lock(mutex_);
    const auto it = all_.find(key);
    if (it != all_.end()) return *it->second;
    driver().Complain(call + ": no such " + what_);
    return std::nullopt;
  }
  template <class Change>
  LtStatus Set(const void* key, const std::string& call, Change change) {
    const std::lock_guard lock(mutex_);
    const auto it = all_.find(key);
    if (it != all_.end()) return change(*it->second);
    driver().Complain(call + ": no such " + what_);
    return LtStatus::invalid_value;
  }
  LtStatus Remove(const void* key, const std::string& call) {
    const std::lock_guard lock(mutex_);
    if (all_.erase(key) == 0) {
      driver().Complain(call + ": no such " + what_);
      return LtStatus::invalid_value;
    }
    driver().CountAlive(what_, -1);
    return LtStatus::success;
  }

 private:
  const char* const what_;
  std::mutex mutex_;
  std::map<const void*, std::unique_ptr<Made>> all_;
};

Table<Handle>& handles() {
  static auto* const kTable = new Table<Handle>("cuBLASLt handles");
  return *kTable;
}
Table<Layout>& layouts() {
  static auto* const kTable = new Table<Layout>("matrix layouts");
  return *kTable;
}
Table<Desc>& descs() {
  static auto* const kTable = new Table<Desc>("matmul descriptors");
  return *kTable;
}
Table<Preference>& preferences() {
  static auto* const kTable = new Table<Preference>("matmul preferences");
  return *kTable;
}

LtStatus status_of(CuResult result) {
  switch (result) {
    case CuResult::success: return LtStatus::success;
    case CuResult::out_of_memory: return LtStatus::alloc_failed;
    case CuResult::not_found: return LtStatus::not_supported;
    case CuResult::invalid_value: return LtStatus::invalid_value;
    default: return LtStatus::execution_failed;
  }
}

#define LEAT_CALL(entry) \
  if (const auto result = driver().Enter(entry)) return status_of(*result);

LtStatus misuse(const std::string& what) {
  driver().Complain(what);
  return LtStatus::invalid_value;
}

/// An attribute of exactly this type.
template <class T>
LtStatus read(const char* call, const void* value, std::size_t bytes, T& to) {
  if (bytes != sizeof(T))
    return misuse(std::string(call) + ": an attribute of " + std::to_string(bytes) + " bytes");
  std::memcpy(&to, value, bytes);
  return LtStatus::success;
}

std::optional<Product> find_product(const std::string& call, LtMatmulDesc desc, LtLayout a, LtLayout b,
                                    LtLayout c, LtLayout d) {
  const auto own = descs().Find(desc, call);
  const auto x = layouts().Find(a, call), y = layouts().Find(b, call), out = layouts().Find(d, call);
  if (!own || !x || !y || !out) return std::nullopt;
  const Product product{*own, *x, *y, *out};
  const std::string wrong = c != d ? "C has another layout than D" : product.Check();
  if (wrong.empty()) return product;
  driver().Complain(call + ": " + wrong);
  return std::nullopt;
}

// What stands in an algorithm.
struct Chosen {
  std::uint64_t key, workspace;
  std::uint32_t alignment[4];
  std::uint64_t bias_alignment;
};
static_assert(sizeof(Chosen) <= sizeof(LtAlgorithm));

std::uint64_t alignment_of(std::uint64_t address) { return address & -address; }

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

std::size_t cublasLtGetVersion() { return 130002; }
const char* cublasLtGetStatusName(LtStatus status) {
  switch (status) {
    case LtStatus::success: return "CUBLAS_STATUS_SUCCESS";
    case LtStatus::not_initialized: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case LtStatus::alloc_failed: return "CUBLAS_STATUS_ALLOC_FAILED";
    case LtStatus::invalid_value: return "CUBLAS_STATUS_INVALID_VALUE";
    case LtStatus::execution_failed: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case LtStatus::internal_error: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case LtStatus::not_supported: return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return nullptr;
}
LtStatus cublasLtCreate(LtHandle* handle) {
  int device = 0;
  if (const auto result = driver().EnterContext("cublasLtCreate", &device)) return status_of(*result);
  handles().Add({device}, handle);
  return LtStatus::success;
}
LtStatus cublasLtDestroy(LtHandle handle) {
  LEAT_CALL("cublasLtDestroy");
  return handles().Remove(handle, "cublasLtDestroy");
}

LtStatus cublasLtMatrixLayoutCreate(LtLayout* layout, LtDataType type, std::uint64_t rows,
                                    std::uint64_t columns, std::int64_t leading) {
  LEAT_CALL("cublasLtMatrixLayoutCreate");
  layouts().Add({type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading}, layout);
  return LtStatus::success;
}
LtStatus cublasLtMatrixLayoutDestroy(LtLayout layout) {
  LEAT_CALL("cublasLtMatrixLayoutDestroy");
  return layouts().Remove(layout, "cublasLtMatrixLayoutDestroy");
}
LtStatus cublasLtMatrixLayoutSetAttribute(LtLayout layout, LtLayoutAttribute attribute, const void* value,
                                          std::size_t bytes) {
  constexpr const char* kCall = "cublasLtMatrixLayoutSetAttribute";
  LEAT_CALL(kCall);
  return layouts().Set(layout, kCall, [&](Layout& l) {
    if (attribute == kLtLayoutBatchStride) return read(kCall, value, bytes, l.batch_stride);
    if (attribute != kLtLayoutBatchCount)
      return misuse(std::string(kCall) + " of an attribute that Leat does not use");
    std::int32_t count = 0;
    const LtStatus status = read(kCall, value, bytes, count);
    l.batch = count;
    return status;
  });
}

LtStatus cublasLtMatmulDescCreate(LtMatmulDesc* desc, LtComputeType compute, LtDataType scale) {
  LEAT_CALL("cublasLtMatmulDescCreate");
  descs().Add({compute, scale}, desc);
  return LtStatus::success;
}
LtStatus cublasLtMatmulDescDestroy(LtMatmulDesc desc) {
  LEAT_CALL("cublasLtMatmulDescDestroy");
  return descs().Remove(desc, "cublasLtMatmulDescDestroy");
}
LtStatus cublasLtMatmulDescSetAttribute(LtMatmulDesc desc, LtMatmulDescAttribute attribute, const void* value,
                                        std::size_t bytes) {
  constexpr const char* kCall = "cublasLtMatmulDescSetAttribute";
  LEAT_CALL(kCall);
  return descs().Set(desc, kCall, [&](Desc& d) {
    if (attribute == kLtEpilogue) return read(kCall, value, bytes, d.epilogue);
    if (attribute == kLtBiasPointer) return read(kCall, value, bytes, d.bias);
    std::int32_t transposed = 0;
    const LtStatus status = read(kCall, value, bytes, transposed);
    if (attribute != kLtTransposeA && attribute != kLtTransposeB)
      return misuse(std::string(kCall) + " of an attribute that Leat does not use");
    (attribute == kLtTransposeA ? d.transpose_a : d.transpose_b) = transposed == kLtTransposed;
    return status;
  });
}

LtStatus cublasLtMatmulPreferenceCreate(LtPreference* preference) {
  LEAT_CALL("cublasLtMatmulPreferenceCreate");
  preferences().Add({}, preference);
  return LtStatus::success;
}
LtStatus cublasLtMatmulPreferenceDestroy(LtPreference preference) {
  LEAT_CALL("cublasLtMatmulPreferenceDestroy");
  return preferences().Remove(preference, "cublasLtMatmulPreferenceDestroy");
}
LtStatus cublasLtMatmulPreferenceSetAttribute(LtPreference preference, LtPreferenceAttribute attribute,
                                              const void* value, std::size_t bytes) {
  constexpr const char* kCall = "cublasLtMatmulPreferenceSetAttribute";
  LEAT_CALL(kCall);
  return preferences().Set(preference, kCall, [&](Preference& p) {
    if (attribute == kLtMaxWorkspaceBytes) return read(kCall, value, bytes, p.workspace);
    if (attribute == kLtReductionSchemes) return read(kCall, value, bytes, p.reductions);
    return read(kCall, value, bytes, p.alignment[attribute - kLtAlignmentA]);
  });
}

LtStatus cublasLtMatmulAlgoGetHeuristic(LtHandle handle, LtMatmulDesc desc, LtLayout a, LtLayout b,
                                        LtLayout c, LtLayout d, LtPreference preference, int wanted,
                                        LtHeuristic* results, int* found) {
  constexpr const char* kCall = "cublasLtMatmulAlgoGetHeuristic";
  *found = 0;
  LEAT_CALL(kCall);
  if (!handles().Find(handle, kCall)) return LtStatus::not_initialized;
  const auto prefer = preferences().Find(preference, kCall);
  const auto product = find_product(kCall, desc, a, b, c, d);
  if (!prefer || !product || wanted < 1) return LtStatus::invalid_value;
  if ((prefer->reductions & ~kLtReduceInComputeType) != 0)
    return misuse(std::string(kCall) + ": partial sums may be joined in the type of the result");
  // Long sums are split.
  Chosen chosen{product->Key(),
                product->k() >= 64 ? std::min<std::uint64_t>(4096, prefer->workspace) : 0,
                {},
                alignment_of(product->desc.bias)};
  std::memcpy(chosen.alignment, prefer->alignment, sizeof chosen.alignment);
  results[0] = {};
  std::memcpy(results[0].algorithm.data, &chosen, sizeof chosen);
  results[0].workspace_bytes = chosen.workspace;
  *found = 1;
  return LtStatus::success;
}
LtStatus cublasLtMatmulAlgoConfigGetAttribute(const LtAlgorithm*, std::int32_t attribute, void* value,
                                              std::size_t bytes, std::size_t* written) {
  LEAT_CALL("cublasLtMatmulAlgoConfigGetAttribute");
  if (attribute != kLtAlgorithmId || bytes != 4) return LtStatus::invalid_value;
  const std::int32_t id = 24;
  std::memcpy(value, &id, 4);
  *written = 4;
  return LtStatus::success;
}

LtStatus cublasLtMatmul(LtHandle handle, LtMatmulDesc desc, const void* alpha, const void* a,
                        LtLayout a_layout, const void* b, LtLayout b_layout, const void* beta, const void* c,
                        LtLayout c_layout, void* d, LtLayout d_layout, const LtAlgorithm* algorithm,
                        void* workspace, std::size_t workspace_bytes, CuStream stream) {
  const std::string call = "cublasLtMatmul";
  int device = 0;
  if (const auto result = driver().EnterContext(call, &device)) return status_of(*result);
  const auto own = handles().Find(handle, call);
  if (!own) return LtStatus::not_initialized;
  if (own->device != device) return misuse(call + " with the handle of another device");
  const auto product = find_product(call, desc, a_layout, b_layout, c_layout, d_layout);
  if (!product) return LtStatus::invalid_value;
  const LtDataType scale = product->desc.scale;
  const double of_c = read_element(scale, static_cast<const std::byte*>(beta));
  if (read_element(scale, static_cast<const std::byte*>(alpha)) != 1 || (of_c != 0 && of_c != 1))
    return misuse(call + " with other factors than 1, and 0 or 1");
  Chosen chosen{};
  std::memcpy(&chosen, algorithm->data, sizeof chosen);
  if (chosen.key != product->Key()) return misuse(call + " with the algorithm of another product");
  if (workspace_bytes < chosen.workspace) return misuse(call + " with too small a workspace");
  const auto at = [](const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); };
  if (at(workspace) % 256 != 0) return misuse(call + " with a workspace that is not aligned");
  const void* const operands[] = {a, b, c, d};
  for (int o = 0; o < 4; ++o) {
    if (at(operands[o]) % chosen.alignment[o] != 0)
      return misuse(call + " with an operand that is not aligned");
  }
  const std::uint64_t bias_at = product->desc.bias;
  if (bias_at != 0 && bias_at % chosen.bias_alignment != 0)
    return misuse(call + " with a bias that is not aligned");
  return status_of(driver().QueueOperation(stream, call, [=, p = *product]() -> std::string {
    const auto find = [&](const void* pointer, std::int64_t bytes) {
      return static_cast<std::byte*>(driver().HostAddress(at(pointer), static_cast<std::size_t>(bytes)));
    };
    const std::byte *const x = find(a, p.a.bytes()), *const y = find(b, p.b.bytes());
    std::byte* const out = find(d, p.d.bytes());
    if (x == nullptr || y == nullptr || out == nullptr) return "an operand is not there";
    const std::byte *bias = nullptr, *residual = nullptr;
    if (bias_at != 0) {
      bias = find(reinterpret_cast<const void*>(bias_at), p.bias_bytes());
      if (bias == nullptr) return "the bias is not there";
    }
    if (of_c == 1) {
      residual = find(c, p.d.bytes());
      if (residual == nullptr) return "C is not there";
    }
    if (workspace_bytes > 0) {
      std::byte* const scratch = find(workspace, static_cast<std::int64_t>(workspace_bytes));
      if (scratch == nullptr) return "the workspace is not there";
      std::memset(scratch, 0xee, workspace_bytes);
    }
    p.Multiply(x, y, bias, residual, out);
    return "";
  }));
}

}  // extern "C"
#pragma GCC visibility pop

}  // namespace leat::fake_cuda
