// Each call of the driver fails once, at each of its turns: nothing crashes, hangs, leaks or is wrong.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"
#include "runtime/cuda/cublas_lt_abi.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;
using runtime::cuda::CuResult;

// The Contexts of these tests compile each kernel once.
struct CacheFolder {
  CacheFolder() : path((std::filesystem::temp_directory_path() / "leat_failing_calls_XXXXXX").string()) {
    if (::mkdtemp(path.data()) == nullptr) path.clear();
  }
  ~CacheFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};
const CacheFolder kCache;

// Whether the value came, and was right; what else may happen is an error of the run.
template <class T>
bool arrives(const Tensor& tensor, T want) {
  try {
    const auto got = tensor.data<T>();
    EXPECT_EQ(got[got.size() - 1], want);
    return true;
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == Code::device_lost || e.code() == Code::resource_exhausted) << e.what();
    return false;
  }
}

/// Values that go to and fro; how many came.
int run_all(Context& context, FakeGpu& gpu) {
  context.SetTracing(true);  // which calls more
  gpu.Serve(context.state()->engine());
  const Tensor host = arange(5000, DType::f32);
  const Tensor x = to_device(host, "gpu:0") + 1;
  const Tensor y = to_device(x, "gpu:1") * 2, total = sum(x);
  const Tensor z = to_device(y, "cpu:0") - host;
  int came = 0;
  eval(y, total, z);
  came += arrives(z, 2 * 5000.0f - 4999);
  came += arrives(y, 2 * 5000.0f);
  came += arrives(total, 12502500.0f);
  came += arrives(cumsum(x, 0) - to_device(cumsum(host, 0), "gpu:0"), 5000.0f);
  const Tensor ones = reshape(slice(x, {{0, 64}}), {8, 8}) * 0 + 1;
  const Tensor rows = to_device(arange(8, DType::i64), "gpu:0");
  came += arrives(gather(sort(matmul(ones, ones), 1), rows, 0), 8.0f);
  context.SetTracing(false);
  std::vector<Tensor> kept;            // so that each has memory of its own
  for (int run = 0; run < 4; ++run) {  // device graphs: built in the second, patched later
    const Tensor fresh = kept.emplace_back(to_device(full({8, 8}, 1.0f), "gpu:0").eval());
    came += arrives(cumsum(sort(matmul(fresh, fresh), 1), 1) - max(fresh, {1}, true), 63.0f);
    context.wait_all();  // a run whose value has come may still hold its graph: the next would make its own
  }
  came += arrives(relu(matmul(ones, ones) + slice(ones, {{0, 1}, {0, 8}})), 9.0f);
  const Tensor kernel = reshape(slice(x, {{0, 18}}), {2, 1, 3, 3}) * 0 + 1;
  came += arrives(conv(reshape(ones, {1, 1, 8, 8}), kernel), 9.0f);
  EXPECT_TRUE(arrives(host * 3, 3 * 4999.0f));  // the host works on
  return came;
}

constexpr const char* kEntries[] = {
#define LEAT_ENTRY(name, version, parameters) "cu" #name,
    LEAT_CUDA_DRIVER_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY
#define LEAT_ENTRY(name, result, parameters) "cublasLt" #name,
        LEAT_CUBLASLT_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY
};

class FailingCall : public ::testing::TestWithParam<std::tuple<const char*, CuResult>> {};

TEST_P(FailingCall, IsAnErrorOfWhatNeededIt) {
  const auto [entry, result] = GetParam();
  const ContextOptions options{.workers = 2,
                               .gpu_devices = 2,
                               .cuda_driver = LEAT_FAKE_CUDA,
                               .library_epilogues = true,
                               .cache_folder = kCache.path};
  // The turns of this call in a run where nothing fails.
  std::int64_t calls = 0;
  {
    FakeGpu gpu({.devices = 2, .most_delay_us = 0});
    {
      Context context(options);
      Context::Scope scope(context);
      EXPECT_EQ(run_all(context, gpu), 11);
    }
    calls = gpu.driver().calls()[entry];
    if (std::string(entry).find("Graph") != std::string::npos ||
        std::string(entry).find("Capture") != std::string::npos) {
      EXPECT_GT(calls, 0);
    }
  }
  for (std::int64_t nth = 1; nth <= calls; nth += 1 + nth / 6) {
    SCOPED_TRACE(std::string(entry) + ", call " + std::to_string(nth) + " of " + std::to_string(calls));
    FakeGpu gpu({.devices = 2, .most_delay_us = 0});
    gpu.driver().FailCall(entry, static_cast<int>(nth), result);
    try {
      Context context(options);
      Context::Scope scope(context);
      run_all(context, gpu);
    } catch (const Error& e) {  // of the Context
      EXPECT_TRUE(e.code() == Code::not_found || e.code() == Code::device_lost ||
                  e.code() == Code::resource_exhausted)
          << e.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Entries, FailingCall,
                         ::testing::Combine(::testing::ValuesIn(kEntries),
                                            ::testing::Values(CuResult::out_of_memory,
                                                              CuResult::launch_failed)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) == CuResult::out_of_memory ? "_OutOfMemory"
                                                                                      : "_LaunchFailed");
                         });

}  // namespace
}  // namespace leat
