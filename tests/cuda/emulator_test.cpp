// What the emulator finds in kernels that are wrong.
#include "tests/cuda/emulator.h"

#include <gmock/gmock.h>

namespace leat::emulator {
namespace {

using ::testing::HasSubstr;

constexpr char kBefore[] = R"(
@leat_shared = external addrspace(3) global [0 x i8], align 16
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare void @llvm.nvvm.barrier0()
declare i32 @llvm.nvvm.shfl.sync.bfly.i32(i32, i32, i32, i32)
define void @leat_kernel(ptr byval([1 x i64]) align 8 %p) {
  %out = load ptr addrspace(1), ptr %p
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %at = getelementptr i32, ptr addrspace(1) %out, i32 %t
  %mine = getelementptr i32, ptr addrspace(3) @leat_shared, i32 %t
  %flipped = xor i32 %t, 1
  %other = getelementptr i32, ptr addrspace(3) @leat_shared, i32 %flipped
)";

/// Runs 64 threads with `words` words of output.
std::string run(const std::string& body, std::vector<std::uint32_t>& words, std::uint32_t blocks = 1) {
  const auto kernel = EmulatedKernel::Load(kBefore + body + "\n  ret void\n}\n");
  if (!kernel.ok()) return kernel.status().ToString();
  const runtime::cuda::LaunchGeometry launch{
      .blocks = blocks, .threads = 64, .shared_bytes = 256, .flags = 0};
  return (*kernel)->Run(launch, {reinterpret_cast<std::uint64_t>(words.data())},
                        {{words.data(), 4 * words.size(), "out"}});
}

TEST(Emulator, RunsThreadsBarriersAndShuffles) {
  std::vector<std::uint32_t> words(64);
  EXPECT_EQ(run(R"(
  store i32 %t, ptr addrspace(3) %mine
  call void @llvm.nvvm.barrier0()
  %x = load i32, ptr addrspace(3) %other
  %y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %x, i32 16, i32 31)
  store i32 %y, ptr addrspace(1) %at)",
                words),
            "");
  for (std::uint32_t t = 0; t < 64; ++t) EXPECT_EQ(words[t], (t ^ 16) ^ 1);
}

TEST(Emulator, FindsAMissingBarrier) {
  std::vector<std::uint32_t> words(64);
  const std::string complaint = run(R"(
  store i32 %t, ptr addrspace(3) %mine
  %y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %t, i32 16, i32 31)
  %x = load i32, ptr addrspace(3) %other
  store i32 %x, ptr addrspace(1) %at)",
                                    words);
  EXPECT_EQ(
      complaint,
      "thread 0 of block 0 reads 4 bytes at byte 4 of shared memory, which another thread wrote with no "
      "barrier between");
}

TEST(Emulator, FindsWritesBeforeOthersHaveRead) {
  std::vector<std::uint32_t> words(64);
  EXPECT_THAT(run(R"(
  store i32 %t, ptr addrspace(3) %mine
  call void @llvm.nvvm.barrier0()
  %x = load i32, ptr addrspace(3) %other
  %y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %x, i32 16, i32 31)
  store i32 %y, ptr addrspace(3) %mine)",
                  words),
              HasSubstr("which another thread read with no barrier between"));
}

TEST(Emulator, FindsSharedMemoryThatNobodyWrote) {
  std::vector<std::uint32_t> words(64);
  EXPECT_THAT(run("%x = load i32, ptr addrspace(3) %other", words), HasSubstr("which nobody wrote"));
}

TEST(Emulator, FindsAccessesOutside) {
  std::vector<std::uint32_t> words(60);
  EXPECT_EQ(run("store i32 %t, ptr addrspace(1) %at", words),
            "thread 60 of block 0 writes 4 bytes (byte 240 of the 240 of out) outside of all memory");
  EXPECT_THAT(run(R"(
  %x = getelementptr i32, ptr addrspace(3) %mine, i32 1
  store i32 %t, ptr addrspace(3) %x)",
                  words),
              HasSubstr("thread 63 of block 0 writes 4 bytes (byte 256 of the 256 of shared memory)"));
}

TEST(Emulator, FindsMisalignedAccesses) {
  std::vector<std::uint32_t> words(80);
  EXPECT_THAT(run(R"(
  %x = getelementptr i32, ptr addrspace(1) %out, i32 1
  store <4 x i32> zeroinitializer, ptr addrspace(1) %x, align 16)",
                  words),
              HasSubstr("writes 16 bytes misaligned at byte 4 of out"));
}

TEST(Emulator, FindsBlocksThatShareMemory) {
  std::vector<std::uint32_t> words(64);
  EXPECT_EQ(run("store i32 %block, ptr addrspace(1) %at", words), "");
  EXPECT_THAT(run("store i32 %block, ptr addrspace(1) %at", words, 2),
              HasSubstr("thread 0 of block 1 writes 4 bytes at byte 0 of out, which another thread wrote"));
}

TEST(Emulator, FindsThreadsThatWaitForEver) {
  std::vector<std::uint32_t> words(64);
  const std::string some = R"(
  %first = icmp eq i32 %t, 0
  br i1 %first, label %wait, label %done
wait:
  )";
  EXPECT_EQ(run(some + "call void @llvm.nvvm.barrier0()\n  br label %done\ndone:", words),
            "thread 0 of block 0 waits at a barrier that not all threads reach");
  EXPECT_EQ(
      run(some + "%y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %t, i32 16, i32 31)\n  br label "
                 "%done\ndone:",
          words),
      "thread 0 of block 0 waits in a shuffle that not all threads reach");
}

TEST(Emulator, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(EmulatedKernel::Load("nonsense").status().code(), Code::invalid_argument);
  EXPECT_EQ(EmulatedKernel::Load("define void @f() {\n ret void\n}\n").status().message(), "no kernel in it");
}

}  // namespace
}  // namespace leat::emulator
