// No memory for tensors, at every block in turn: a typed error or the right result, never a crash, nothing is
// lost, and it may be tried again.
//
// A program of its own: it replaces the aligned operator new, where the buffers of tensors and the arenas of
// runs come from. Each graph is built, evaluated and read with the n-th block refused, n = 0, 1, ... until
// none is.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>

#include "compiler/frontend/build.h"
#include "leat/leat.h"

namespace {

std::atomic<std::int64_t> countdown{-1};  // blocks until one is refused; negative: none will be
std::atomic<bool> refused{false};
std::atomic<std::int64_t> live{0};

bool fails() {
  if (countdown.load(std::memory_order_relaxed) < 0) return false;
  if (countdown.fetch_sub(1, std::memory_order_relaxed) > 0) return false;
  countdown.store(0, std::memory_order_relaxed);  // and all after it: the engine tries again once
  refused.store(true, std::memory_order_relaxed);
  return true;
}

void* take(std::size_t bytes, std::size_t alignment) {
  if (alignment >= 64 && fails()) return nullptr;
  void* const p = std::aligned_alloc(
      alignment, (bytes + alignment - 1) / alignment * alignment + (bytes == 0 ? alignment : 0));
  if (p != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return p;
}

void give(void* p) {
  if (p == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(p);
}

void* take_or_throw(std::size_t bytes, std::size_t alignment) {
  if (void* const p = take(bytes, alignment)) return p;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t n) { return take_or_throw(n, 16); }
void* operator new[](std::size_t n) { return take_or_throw(n, 16); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return take(n, 16); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return take(n, 16); }
void* operator new(std::size_t n, std::align_val_t a) {
  return take_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return take_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return take(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return take(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { give(p); }
void operator delete[](void* p) noexcept { give(p); }
void operator delete(void* p, std::size_t) noexcept { give(p); }
void operator delete[](void* p, std::size_t) noexcept { give(p); }
void operator delete(void* p, std::align_val_t) noexcept { give(p); }
void operator delete[](void* p, std::align_val_t) noexcept { give(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { give(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { give(p); }

namespace leat {
namespace {

struct Job {
  const char* name;
  std::function<float()> run;  // builds, evaluates and reads
  float expected;
};

/// As weights are in a model's file: who reads them elsewhere than in a plan gets a copy.
Tensor odd_ones(const Shape& shape) {
  static const auto* const kBytes = [] {
    auto* const bytes = new std::vector<std::byte>(1 + 512 * sizeof(float));
    const std::vector<float> ones(512, 1);
    std::memcpy(bytes->data() + 1, ones.data(), 512 * sizeof(float));
    return bytes;
  }();
  return frontend::make_leaf(
      frontend::current_context_id(), DType::f32, shape,
      runtime::Value::Ready(runtime::Buffer::WrapUnaligned(
          kBytes->data() + 1, static_cast<std::size_t>(shape.num_elements()) * sizeof(float), {})),
      {});
}

const std::vector<Job>& jobs() {
  static const auto* const kJobs = new std::vector<Job>{
      {"chain", [] { return ((full({64}, 2.0f) + 1) * 3 - 4).data<float>()[63]; }, 5},
      {"softmax_rows",
       [] {
         return softmax(full({4, 8}, 1.0f), 1).data<float>()[31];
       },
       0.125f},
      {"matmul_and_bias",
       [] {
         const Tensor x = full({8, 16}, 1.0f), w = full({16, 4}, 0.5f);
         return (matmul(x, w) + full({4}, 1.0f)).data<float>()[0];
       },
       9},
      {"shared_between_two",
       [] {
         const Tensor x = arange(32, DType::f32) * 2;
         const Tensor a = x + 1, b = x * x;
         eval(a, b);
         return a.data<float>()[3] + b.data<float>()[2];
       },
       23},
      {"sort_and_gather",
       [] {
         const Tensor x = tensor<float>({3, 1, 2});
         return sort(x).data<float>()[2];
       },
       3},
      {"memory_at_an_odd_address",
       [] {
         return (odd_ones({64}) + 1).data<float>()[63] +
                matmul(odd_ones({8, 64}), odd_ones({64, 4})).data<float>()[31] +
                odd_ones({5}).data<float>()[4];
       },
       67},
  };
  return *kJobs;
}

/// What became of the job: "" if all is well.
std::string outcome_of(const Job& job) {
  try {
    const float value = job.run();
    return value == job.expected ? "" : "wrong value " + std::to_string(value);
  } catch (const Error& e) {
    return e.code() == Code::resource_exhausted ? "exhausted" : e.status().ToString();
  } catch (const std::bad_alloc&) {
    return "exhausted";
  }
}

class AllocationFailure : public ::testing::TestWithParam<std::size_t> {};

void fail_each(const Job& job, const ContextOptions& options) {
  std::int64_t failed = 0;
  for (std::int64_t n = 0;; ++n) {
    SCOPED_TRACE("block " + std::to_string(n));
    Context context(options);
    const Context::Scope scope(context);
    refused.store(false);
    countdown.store(n);
    std::string outcome = outcome_of(job);
    countdown.store(-1);
    ASSERT_TRUE(outcome.empty() || outcome == "exhausted") << outcome;
    context.wait_all();
    if (!outcome.empty()) {
      ++failed;
      ASSERT_EQ(outcome_of(job), "") << "it may be tried again";
    }
    ASSERT_EQ(outcome_of(job), "");
    context.wait_all();
    // Arenas that wait for the next run: an instance's, and from the second use on a quick run's.
    const std::int64_t kept = context.stats().bytes_live;
    ASSERT_EQ(outcome_of(job), "");
    context.wait_all();
    EXPECT_LE(context.stats().bytes_live, kept) << "buffers are lost";
    if (!refused.load()) break;
  }
  EXPECT_GT(failed, 0);
}

TEST_P(AllocationFailure, Synchronously) {
  fail_each(jobs()[GetParam()], {.workers = 1, .synchronous = true, .tier = Tier::tiles});
}

TEST_P(AllocationFailure, OnThePool) { fail_each(jobs()[GetParam()], {.workers = 2, .tier = Tier::tiles}); }

TEST_P(AllocationFailure, LeaksNothing) {
  const Job& job = jobs()[GetParam()];
  const auto once = [&](std::int64_t n) {
    Context context({.workers = 1, .synchronous = true, .tier = Tier::tiles});
    const Context::Scope scope(context);
    countdown.store(n);
    const std::string outcome = outcome_of(job);
    countdown.store(-1);
    return outcome;
  };
  for (std::int64_t n = 0; n < 8; ++n) once(n);  // what is made once and kept
  for (std::int64_t n = 0; n < 8; ++n) {
    once(-1);
    const std::int64_t before = live.load();
    for (int i = 0; i < 10; ++i) once(n);
    once(-1);
    EXPECT_LE(live.load(), before + 4) << "block " << n;  // growth of a table that is kept is no leak
  }
}

INSTANTIATE_TEST_SUITE_P(Jobs, AllocationFailure, ::testing::Range<std::size_t>(0, jobs().size()),
                         [](const auto& test) { return std::string(jobs()[test.param].name); });

}  // namespace
}  // namespace leat
