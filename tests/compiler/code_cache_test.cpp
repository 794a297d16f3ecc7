// The code cache: one compile per kernel, whoever asks; the disk cache under faults; dumps and errors.
#include <filesystem>
#include <fstream>
#include <thread>

#include "compiler/codegen/disk_cache.h"
#include "tests/compiler/codegen_case.h"

namespace leat::compiler {
namespace {

namespace fs = std::filesystem;
using ir::Op;

KernelCase add_case(std::uint64_t seed, Op op = Op::add) {
  Random random(seed);
  KernelCase c;
  c.sizes = {100};
  for (int k = 0; k < 2; ++k) {
    c.AddInput(DType::f32, Level::element,
               runtime::draw_array(DType::f32, 100, ir::Domain::all, false, random), 0, {1});
  }
  c.AddOutput(c.AddInstruction(op, DType::f32, Level::element, {0, 1}));
  return c;
}

std::unique_ptr<CodeCache> cache_in(const std::string& folder) {
  CodeOptions options;
  options.cache_folder = folder;
  return make_code_cache(std::move(options));
}

/// Compiles and runs add_case in a new cache on `folder`, checks the bits, and returns the cache's stats.
CodeStats run_in(const std::string& folder) {
  const auto cache = cache_in(folder);
  KernelCase expected = add_case(3), actual = expected;
  run_slowly(expected);
  const auto code = cache->Get(actual.kernel);
  const Status status = cache->CompileNow(code);
  EXPECT_TRUE(status.ok()) << status.ToString();
  const ir::KernelLaunch launch = actual.Launch();
  code->function()(&launch, 0, 100);
  EXPECT_EQ(expected.buffers, actual.buffers);
  return cache->stats();
}

class DiskFolder : public ::testing::Test {
 protected:
  DiskFolder() : folder_(fs::temp_directory_path() / ("leat_code_cache_test_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~DiskFolder() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  /// The one kernel file in the folder.
  fs::path File() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_)) files.push_back(entry.path());
    EXPECT_EQ(files.size(), 1u);
    return files.at(0);
  }
  fs::path folder_;
};

TEST(CodeCache, EqualKernelsShareOneCode) {
  const auto cache = cache_in("");
  const auto a = cache->Get(add_case(1).kernel), b = cache->Get(add_case(2).kernel);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, cache->Get(add_case(1, Op::mul).kernel));
  EXPECT_FALSE(a->compiled());
  cache->Compile(a);  // no background: in the caller
  EXPECT_TRUE(a->compiled());
  cache->Compile(a);
  EXPECT_TRUE(cache->CompileNow(a).ok());
  EXPECT_EQ(cache->stats().kernels, 2u);
  EXPECT_EQ(cache->stats().compiled, 1u);
  EXPECT_EQ(cache->stats().failures, 0u);
  EXPECT_GT(cache->stats().compile_seconds, 0.0);
}

TEST(CodeCache, EightThreadsCompileOnce) {
  const auto cache = cache_in("");
  const KernelCase c = add_case(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const auto code = cache->Get(c.kernel);
      EXPECT_TRUE(cache->CompileNow(code).ok());
      EXPECT_TRUE(code->compiled());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache->stats().kernels, 1u);
  EXPECT_EQ(cache->stats().compiled, 1u);
}

TEST(CodeCache, ThreadsCompileDifferentKernelsAtOnce) {
  const auto cache = cache_in("");
  const Op ops[] = {Op::add, Op::sub, Op::mul, Op::maximum};
  std::vector<std::thread> threads;
  for (Op op : ops) {
    threads.emplace_back([&, op] {
      const auto code = cache->Get(add_case(1, op).kernel);
      EXPECT_TRUE(cache->CompileNow(code).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache->stats().compiled, 4u);
}

TEST(CodeCache, BackgroundJobsMayRunLateOrAfterTheCache) {
  std::vector<std::function<void()>> jobs;
  CodeOptions options;
  options.background = [&](std::function<void()> job) { jobs.push_back(std::move(job)); };
  auto cache = make_code_cache(std::move(options));
  const auto a = cache->Get(add_case(1).kernel), b = cache->Get(add_case(1, Op::mul).kernel);
  cache->Compile(a);
  cache->Compile(a);
  cache->Compile(b);
  EXPECT_EQ(jobs.size(), 2u);
  EXPECT_FALSE(a->compiled());
  EXPECT_TRUE(cache->CompileNow(a).ok());  // takes the job over
  EXPECT_TRUE(a->compiled());
  jobs[0]();
  EXPECT_EQ(cache->stats().compiled, 1u);
  cache.reset();
  jobs[1]();
  EXPECT_TRUE(b->compiled());
}

TEST(CodeCache, CodeOutlivesTheCacheAndItsEviction) {
  CodeOptions options;
  options.memory_entries = 1;
  auto cache = make_code_cache(std::move(options));
  KernelCase c = add_case(3), expected = c;
  run_slowly(expected);
  const auto code = cache->Get(c.kernel);
  ASSERT_TRUE(cache->CompileNow(code).ok());
  cache->Get(add_case(1, Op::mul).kernel);
  EXPECT_EQ(cache->Get(c.kernel), code);  // evicted, but still in use
  cache.reset();
  const ir::KernelLaunch launch = c.Launch();
  code->function()(&launch, 0, 100);
  EXPECT_EQ(expected.buffers, c.buffers);
}

TEST(CodeCache, MalformedKernelsAndForeignCodeAreErrors) {
  const auto cache = cache_in("");
  KernelCase c = add_case(1);
  c.kernel.body[0].operands[0] = 9;
  const auto code = cache->Get(c.kernel);
  const Status status = cache->CompileNow(code);
  EXPECT_EQ(status.code(), Code::invalid_argument);
  EXPECT_NE(status.message().find("%2: operand %9 is used before it is computed"), std::string::npos);
  EXPECT_FALSE(code->compiled());
  EXPECT_EQ(cache->CompileNow(code).code(), Code::invalid_argument);  // it stays so
  EXPECT_EQ(cache->stats().failures, 1u);
  EXPECT_EQ(cache->LlvmText(c.kernel).status().code(), Code::invalid_argument);
  const auto foreign = std::make_shared<runtime::KernelCode>(add_case(1).kernel);
  EXPECT_EQ(cache->CompileNow(foreign).code(), Code::failed_precondition);
}

TEST(CodeCache, AnOddVectorWidthIsTheWidest) {
  CodeOptions odd;
  odd.vector_bits = 77;
  const auto a = make_code_cache(std::move(odd))->AssemblyText(add_case(1).kernel);
  const auto b = cache_in("")->AssemblyText(add_case(1).kernel);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(*a, *b);
}

TEST(CodeCache, ShowsItsCode) {
  const auto cache = cache_in("");
  const auto llvm = cache->LlvmText(add_case(1).kernel), assembly = cache->AssemblyText(add_case(1).kernel);
  ASSERT_TRUE(llvm.ok() && assembly.ok());
  EXPECT_NE(llvm->find("define void @leat_kernel"), std::string::npos);
  EXPECT_NE(llvm->find("fadd <"), std::string::npos);
  EXPECT_EQ(llvm->find("fadd fast"), std::string::npos);
  EXPECT_NE(assembly->find("leat_kernel:"), std::string::npos);
  EXPECT_EQ(describe_code_generator().rfind("LLVM 19.", 0), 0u) << describe_code_generator();
}

TEST_F(DiskFolder, TheNextProcessFindsTheObject) {
  const CodeStats first = run_in(folder_), second = run_in(folder_);
  EXPECT_EQ(first.compiled, 1u);
  EXPECT_EQ(first.disk_hits, 0u);
  EXPECT_EQ(second.compiled, 0u);
  EXPECT_EQ(second.disk_hits, 1u);
  EXPECT_EQ(second.disk_rejected, 0u);
}

TEST_F(DiskFolder, DamagedFilesAreCompiledAgain) {
  run_in(folder_);
  const fs::path file = File();
  const std::uintmax_t size = fs::file_size(file);
  const std::uintmax_t lengths[] = {0, 5, 31, 32, 40, size / 2, size - 1};
  for (std::uintmax_t length : lengths) {
    fs::resize_file(file, length);
    const CodeStats stats = run_in(folder_);
    EXPECT_EQ(stats.compiled, 1u) << length;
    EXPECT_EQ(stats.disk_rejected, 1u) << length;
    EXPECT_EQ(fs::file_size(file), size);  // written anew
  }
  for (std::uintmax_t at = 3; at < size; at += size / 17 + 1) {
    {
      std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
      stream.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(stream.get());
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(static_cast<char>(byte ^ 0x40));
    }
    const CodeStats stats = run_in(folder_);
    EXPECT_EQ(stats.compiled, 1u) << at;
    EXPECT_EQ(stats.disk_rejected, 1u) << at;
  }
  EXPECT_EQ(run_in(folder_).disk_hits, 1u);
}

TEST_F(DiskFolder, AnObjectThatDoesNotLinkIsCompiledAgain) {
  run_in(folder_);
  const fs::path file = File();
  std::string bytes;
  {
    std::ifstream stream(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
  }
  std::uint64_t key_bytes = 0;
  std::memcpy(&key_bytes, bytes.data() + 8, 8);
  codegen::DiskCache disk(folder_);
  disk.Store(bytes.substr(32, key_bytes), "not an object file");
  const CodeStats stats = run_in(folder_);
  EXPECT_EQ(stats.compiled, 1u);
  EXPECT_EQ(stats.disk_rejected, 1u);
}

TEST_F(DiskFolder, MissingAndUnwritableFoldersDoNoHarm) {
  EXPECT_EQ(run_in(folder_ / "deep" / "er").compiled, 1u);
  EXPECT_EQ(run_in(folder_ / "deep" / "er").disk_hits, 1u);
  fs::remove_all(folder_);
  EXPECT_EQ(run_in(folder_ / "deep" / "er").compiled, 1u);
  std::ofstream(folder_ / "file") << "in the way";
  EXPECT_EQ(run_in(folder_ / "file" / "folder").compiled, 1u);
  EXPECT_EQ(run_in("/proc/leat").compiled, 1u);
}

TEST_F(DiskFolder, ManyWritersOneFolder) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) run_in(folder_);
    });
  }
  for (std::thread& thread : threads) thread.join();
  File();  // one file, no temporaries
  EXPECT_EQ(run_in(folder_).disk_hits, 1u);
}

}  // namespace
}  // namespace leat::compiler
