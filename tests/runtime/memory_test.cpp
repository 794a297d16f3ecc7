#include <gmock/gmock.h>

#include <random>
#include <thread>
#include <vector>

#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using testing::HasSubstr;

TEST(MemoryTest, BlocksAreAlignedCountedAndRecycled) {
  const auto allocator = std::make_shared<CheckingAllocator>();
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{3}, allocator, 0);
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 80, 100, 128, 129, 1000, 4096, 100'000, 3'000'001}) {
    void* first = nullptr;
    {
      const Ref<Buffer> b = memory->Allocate(bytes).value();
      first = b->data();
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
      EXPECT_EQ(b->bytes(), bytes);
      EXPECT_EQ(b->device(), 3);
      EXPECT_FALSE(b->wrapped());
      EXPECT_GE(memory->stats().live_bytes, static_cast<std::int64_t>(bytes));
      EXPECT_LE(memory->stats().live_bytes, static_cast<std::int64_t>(bytes + bytes / 4 + 64));
      std::memset(first, 1, bytes);
    }
    EXPECT_EQ(memory->stats().live_bytes, 0);
    const std::int64_t before = allocator->total.load();
    const Ref<Buffer> again = memory->Allocate(bytes).value();
    EXPECT_EQ(again->data(), first) << bytes;
    EXPECT_EQ(allocator->total.load(), before);
  }
  EXPECT_GT(memory->stats().cached_bytes, 0);
  memory->Trim();
  EXPECT_EQ(memory->stats().cached_bytes, 0);
}

TEST(MemoryTest, ALooseFitTakesAFreeBlockOfUpToTwiceTheSize) {
  const auto allocator = std::make_shared<CheckingAllocator>();
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, allocator, 0);
  const void* const block = memory->Allocate(2'000'000).value()->data();
  {
    const Ref<Buffer> loose = memory->Allocate(1'100'000, Fit::loose).value();
    EXPECT_EQ(loose->data(), block);
    EXPECT_EQ(loose->bytes(), 1'100'000u);
    EXPECT_GE(memory->stats().live_bytes, 2'000'000);  // it is as large as it is
  }
  EXPECT_EQ(memory->stats().live_bytes, 0);
  EXPECT_EQ(memory->Allocate(2'000'000).value()->data(), block);  // back where it belongs
  EXPECT_NE(memory->Allocate(1'100'000).value()->data(), block);
  EXPECT_NE(memory->Allocate(500'000, Fit::loose).value()->data(), block);
  std::thread([&] { EXPECT_EQ(memory->Allocate(1'900'000, Fit::loose).value()->data(), block); }).join();
  EXPECT_EQ(allocator->total.load(), 3);
}

TEST(MemoryTest, UnderALimitALooseFitTakesNoRoomFromOthers) {
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, nullptr, 3'500'000);
  memory->Allocate(2'000'000).value();
  const Ref<Buffer> arena = memory->Allocate(1'100'000, Fit::loose).value();
  EXPECT_TRUE(memory->Allocate(2'000'000).ok());
}

TEST(MemoryTest, UnalignedMemoryIsCopiedForThoseWhoAskForAligned) {
  std::vector<char> bytes(4097);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  int deleted = 0;
  {
    const Ref<Buffer> b = Buffer::WrapUnaligned(bytes.data() + 1, 4096, [&] { ++deleted; });
    EXPECT_EQ(b->unaligned_data(), bytes.data() + 1);
    EXPECT_TRUE(b->wrapped());
    std::vector<const void*> seen(4);
    {
      std::vector<std::thread> threads;
      for (const void*& s : seen) threads.emplace_back([&] { s = b->data(); });
      for (std::thread& t : threads) t.join();
    }
    for (const void* s : seen) EXPECT_EQ(s, seen[0]);
    EXPECT_NE(seen[0], bytes.data() + 1);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(seen[0]) % 64, 0u);
    EXPECT_EQ(std::memcmp(seen[0], bytes.data() + 1, 4096), 0);
    EXPECT_EQ(b->unaligned_data(), bytes.data() + 1);
    EXPECT_EQ(deleted, 0);
  }
  EXPECT_EQ(deleted, 1);
  int nobody_asked = 0;
  {
    const Ref<Buffer> b = Buffer::WrapUnaligned(bytes.data() + 1, 4096, [&] { ++nobody_asked; });
  }
  EXPECT_EQ(nobody_asked, 1);
  const Ref<Buffer> aligned = Buffer::Wrap(bytes.data(), 4096, {});
  EXPECT_EQ(aligned->unaligned_data(), aligned->data());
}

TEST(MemoryTest, AThreadTakesWhatAnotherGaveBack) {
  const auto allocator = std::make_shared<CheckingAllocator>();
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, allocator, 0);
  std::vector<Ref<Buffer>> taken(50);
  for (int round = 0; round < 20; ++round) {  // each in a thread of its own, given back here
    std::thread([&] {
      for (Ref<Buffer>& b : taken) b = memory->Allocate(1000).value();
    }).join();
    EXPECT_EQ(memory->stats().live_bytes, 50 * 1024);
    for (Ref<Buffer>& b : taken) b = nullptr;
    EXPECT_EQ(memory->stats().live_bytes, 0);
    EXPECT_EQ(memory->stats().cached_bytes, 50 * 1024);
  }
  EXPECT_EQ(allocator->total.load(), 50);
  EXPECT_EQ(memory->stats().system_allocations, 50);
}

TEST(MemoryTest, CountsWhatManyThreadsTakeAndGiveBack) {
  constexpr int kThreads = 12, kRounds = 2000;
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, std::make_shared<CheckingAllocator>(), 0);
  std::vector<std::atomic<Buffer*>> places(64);
  const auto put = [&](std::size_t place, const Ref<Buffer>& b) {  // and drop what another thread left there
    if (b) b->AddRef();
    const Ref<Buffer> before = Ref<Buffer>::Adopt(places[place].exchange(b.get()));
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<std::uint32_t>(t));
      for (int i = 0; i < kRounds; ++i) {
        const std::size_t bytes = random() % 4 == 0 ? 70'000 : 64 + random() % 300;
        put(random() % places.size(), random() % 5 == 0 ? Ref<Buffer>() : memory->Allocate(bytes).value());
      }
    });
  }
  for (std::thread& t : threads) t.join();
  std::int64_t bytes = 0;
  for (const std::atomic<Buffer*>& b : places)
    bytes += b == nullptr ? 0 : static_cast<std::int64_t>(b.load()->bytes());
  const MemoryStats stats = memory->stats();
  EXPECT_GE(stats.live_bytes, bytes);
  EXPECT_LE(stats.live_bytes, bytes + bytes / 4 + 64 * 64);
  EXPECT_GE(stats.peak_bytes, stats.live_bytes);
  for (std::size_t p = 0; p < places.size(); ++p) put(p, nullptr);
  EXPECT_EQ(memory->stats().live_bytes, 0);
}

TEST(MemoryTest, EndsWithItsLastBufferOnAnyThread) {
  for (int round = 0; round < 200; ++round) {
    const auto allocator = std::make_shared<CheckingAllocator>();  // checks at its end that all is back
    Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, allocator, 0);
    std::vector<Ref<Buffer>> buffers;
    for (int i = 0; i < 24; ++i) buffers.push_back(memory->Allocate(i % 2 == 0 ? 100 : 9000).value());
    for (int i = 0; i < 6; ++i) buffers.pop_back();  // some are free
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = t; i < buffers.size(); i += 3) buffers[i] = nullptr;
      });
    }
    memory = nullptr;
    for (std::thread& t : threads) t.join();
  }
}

TEST(MemoryTest, TheLimitNamesTheSizes) {
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, std::make_shared<CheckingAllocator>(), 10'000);
  const Ref<Buffer> held = memory->Allocate(6000).value();
  const auto refused = memory->Allocate(5000);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::resource_exhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("5000 bytes asked for"));
  EXPECT_THAT(refused.status().message(), HasSubstr("limit 10000"));
  { const Ref<Buffer> cached = memory->Allocate(2000).value(); }
  EXPECT_TRUE(memory->Allocate(3000).ok());  // the cached block makes room
  EXPECT_EQ(memory->Allocate(std::size_t{1} << 60).status().code(), Code::resource_exhausted);
}

TEST(MemoryTest, ThreadsThatFitNeverPassTheLimitAndAreNeverRefused) {
  constexpr std::int64_t kLimit = 4 * 1280;
  // Counts what is really there, also in the middle of an allocation.
  struct Counting final : Allocator {
    void* Allocate(std::size_t bytes, std::size_t alignment) override {
      const std::int64_t now = bytes_there += static_cast<std::int64_t>(bytes);
      if (now > kLimit) passed = true;
      return default_allocator()->Allocate(bytes, alignment);
    }
    void Free(void* block, std::size_t bytes, std::size_t alignment) noexcept override {
      bytes_there -= static_cast<std::int64_t>(bytes);
      default_allocator()->Free(block, bytes, alignment);
    }
    std::atomic<std::int64_t> bytes_there{0};
    std::atomic<bool> passed{false};
  };
  const auto allocator = std::make_shared<Counting>();
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, allocator, kLimit);
  std::atomic<int> refused{0}, over{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int k = 0; k < 5000; ++k) {
        // One block a thread, and room for four of the largest: each size class in turn has to make room.
        if (!memory->Allocate(std::size_t{1024} + 64 * ((k * 7 + t) % 5)).ok()) ++refused;
        if (memory->stats().live_bytes > kLimit) ++over;
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(allocator->passed);
  EXPECT_EQ(over, 0);
  EXPECT_LE(memory->stats().peak_bytes, kLimit);
  EXPECT_EQ(refused, 0);
}

TEST(MemoryTest, BuffersOutliveTheirEngine) {
  const auto allocator = std::make_shared<CheckingAllocator>();
  Ref<Buffer> kept;
  {
    EngineOptions options;
    options.workers = 1;
    options.allocator = allocator;
    kept = Engine::Create(std::move(options)).value()->Allocate(100).value();
  }
  std::memset(kept->data(), 7, 100);
  EXPECT_EQ(static_cast<char*>(kept->data())[99], 7);
}

TEST(MemoryTest, WrappedMemoryIsDeletedOnce) {
  int deleted = 0;
  char memory[8];
  {
    const Ref<Buffer> b = Buffer::Wrap(memory, 8, [&] { ++deleted; });
    const Ref<Buffer> c = b;
    EXPECT_TRUE(c->wrapped());
    EXPECT_EQ(deleted, 0);
  }
  EXPECT_EQ(deleted, 1);
}

TEST(MemoryTest, ThreadsShareIt) {
  const Ref<Memory> memory = make_ref<Memory>(DeviceId{0}, std::make_shared<CheckingAllocator>(), 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int k = 0; k < 500; ++k) {
        const Ref<Buffer> b = memory->Allocate(static_cast<std::size_t>(64 << (k % 5))).value();
        *static_cast<int*>(b->data()) = t;
        ASSERT_EQ(*static_cast<int*>(b->data()), t);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(memory->stats().live_bytes, 0);
}

TEST(ValueTest, StatesAndListeners) {
  const Ref<Value> v = Value::Pending();
  int told = 0;
  v->OnDone([&](Value& x) { told += x.state() == Value::State::failed; });
  EXPECT_EQ(v->WaitUntil(std::chrono::steady_clock::now()).code(), Code::deadline_exceeded);
  EXPECT_TRUE(v->SetFailed(Status(Code::cancelled, "stop")));
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(v->SetReady(nullptr));
  EXPECT_TRUE(v->Retry());
  EXPECT_FALSE(v->Retry());
  EXPECT_TRUE(v->SetPoisoned(Status(Code::out_of_range, "index")));
  v->OnDone([&](Value& x) { told += x.state() == Value::State::poisoned; });
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(v->Retry());
  EXPECT_EQ(v->status().ToString(), "out_of_range: index");
  const Ref<Value> late = Value::Pending();
  std::thread completes([&] { late->SetReady(Buffer::Wrap(nullptr, 0, {})); });
  EXPECT_TRUE(late->Wait().ok());
  completes.join();
  EXPECT_EQ(late->state(), Value::State::ready);
}

}  // namespace
}  // namespace leat::runtime
