// The cache folder under a running program: deleted, damaged, full, or shared by two processes. Values stay
// right.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "leat/leat.h"

namespace leat {
namespace {

namespace fs = std::filesystem;

class CacheFolder : public ::testing::Test {
 protected:
  CacheFolder() {
    std::string name = (fs::temp_directory_path() / "leat_cache_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~CacheFolder() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }
  fs::path folder_;
};

// A few kernels, compiled before they run; their values are known.
ContextStats compute(const fs::path& folder) {
  Context context({.workers = 1, .tier = Tier::machine_code, .cache_folder = folder});
  const Context::Scope scope(context);
  const Tensor x = arange(1000, DType::f32);
  EXPECT_EQ((x * 2 + 1).data<float>()[999], 1999.0f);
  EXPECT_EQ(sum(x * 0 + 2).item<float>(), 2000.0f);
  EXPECT_EQ(max(reshape(x, {10, 100}), 1).data<float>()[9], 999.0f);
  return context.stats();
}

TEST_F(CacheFolder, TheNextContextCompilesNothing) {
  EXPECT_GT(compute(folder_).llvm_runs, 0u);
  const ContextStats again = compute(folder_);
  EXPECT_EQ(again.llvm_runs, 0u);
  EXPECT_GT(again.disk_hits, 0u);
}

TEST_F(CacheFolder, MayBeDeletedWhileTheProgramRuns) {
  Context context({.workers = 1, .tier = Tier::machine_code, .cache_folder = folder_});
  const Context::Scope scope(context);
  EXPECT_EQ((ones({10}) + 1).data<float>()[9], 2.0f);
  fs::remove_all(folder_);
  EXPECT_EQ((ones({10}) * 5 - 2).data<float>()[9], 3.0f);
  compute(folder_);  // makes it anew
  const ContextStats again = compute(folder_);
  EXPECT_EQ(again.llvm_runs, 0u);
  EXPECT_GT(again.disk_hits, 0u);
}

TEST_F(CacheFolder, DamagedEntriesAreCompiledAgain) {
  compute(folder_);
  std::mt19937 random(7);
  for (int round = 0; round < 8; ++round) {
    ASSERT_FALSE(Files().empty());
    for (const fs::path& file : Files()) {
      const auto size = fs::file_size(file);
      switch (random() % 3) {
        case 0: fs::resize_file(file, random() % (size + 1)); break;
        case 1: std::ofstream(file, std::ios::app) << "more"; break;
        case 2: {
          std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
          f.seekp(static_cast<std::streamoff>(random() % size));
          f.put(static_cast<char>(random()));
          break;
        }
      }
    }
    compute(folder_);
  }
}

// A pipe is not waited for, and no memory is asked for what a file's size promises.
TEST_F(CacheFolder, EntriesThatAreNoSuchFilesAreCompiledAgain) {
  compute(folder_);
  const std::vector<fs::path> files = Files();
  ASSERT_GE(files.size(), 3u);
  fs::remove(files[0]);
  ASSERT_EQ(::mkfifo(files[0].c_str(), 0600), 0);
  fs::resize_file(files[1], std::uintmax_t{1} << 40);  // nothing but a hole
  fs::remove(files[2]);
  fs::create_directory(files[2]);
  EXPECT_EQ(compute(folder_).llvm_runs, 3u);
}

TEST_F(CacheFolder, OnAFullDiskKernelsAreStillCompiled) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount a disk of 16 KiB";
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=16k") != 0) {
    GTEST_SKIP() << "cannot mount a disk of 16 KiB here";
  }
  std::ofstream(folder_ / "filler") << std::string(32 << 10, 'x');
  EXPECT_GT(compute(folder_).llvm_runs, 0u);
  EXPECT_GT(compute(folder_).llvm_runs, 0u);
  ::umount2(folder_.c_str(), MNT_DETACH);
}

// A child of the test below: this program again.
TEST(CacheFolderChild, DISABLED_Computes) {
  for (int i = 0; i < 3; ++i) compute(std::getenv("LEAT_TEST_CACHE_FOLDER"));
}

TEST_F(CacheFolder, TwoProcessesShareOne) {
  const std::string variable = "LEAT_TEST_CACHE_FOLDER=" + folder_.string();
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      char* const environment[] = {const_cast<char*>(variable.c_str()), nullptr};
      char* const arguments[] = {const_cast<char*>("child"),
                                 const_cast<char*>("--gtest_filter=CacheFolderChild.*"),
                                 const_cast<char*>("--gtest_also_run_disabled_tests"),
                                 const_cast<char*>("--gtest_brief=1"), nullptr};
      execve("/proc/self/exe", arguments, environment);
      _exit(127);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_EQ(compute(folder_).llvm_runs, 0u);  // what they left is whole
}

}  // namespace
}  // namespace leat
