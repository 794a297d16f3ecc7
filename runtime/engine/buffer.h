// Memory of tensors: a Buffer is one block on one device, a Memory hands blocks out and counts them.
//
// A Buffer is shared by Ref and gives its block back with its last Ref: to the Memory it came from, or, for
// wrapped user memory, to the user's deleter, which runs once, with no lock held. A Memory outlives its
// engine as long as a Buffer of it lives. Blocks are aligned to 64 bytes and recycled by size class, so a
// warm loop makes no system call and no page fault. Any thread may allocate and drop; each has one of a few
// shelves of free blocks, so that threads at work write no line of the cache in turn.
//
//   StatusOr<Ref<Buffer>> b = memory->Allocate(4096);
//   Ref<Buffer> mine = Buffer::Wrap(p, n, [p] { delete[] p; });
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>

#include "leat/engine.h"
#include "leat/status.h"
#include "runtime/block.h"
#include "runtime/engine/short_mutex.h"
#include "runtime/program/program.h"
#include "runtime/ref.h"

namespace leat::runtime {

using leat::Allocator;
/// allocate_block: from the aligned operator new of the process, large blocks on huge pages.
std::shared_ptr<Allocator> default_allocator();

class Memory;

class Buffer final : public RefCounted {
 public:
  /// Aligned for its elements; 64 bytes, where a Memory made it. Of unaligned memory that is a copy, made
  /// when the first one asks and kept; throws std::bad_alloc.
  void* data() const {
    if (!Align()) [[unlikely]]
      throw std::bad_alloc();
    return data_.load(std::memory_order_relaxed);
  }
  /// Makes that copy where one is needed; false: no memory.
  bool Align() const noexcept { return unaligned_ == nullptr || CopyAligned(); }
  /// The content where it lies, at any address.
  const void* unaligned_data() const {
    return unaligned_ != nullptr ? unaligned_ : data_.load(std::memory_order_relaxed);
  }
  std::size_t bytes() const { return bytes_; }
  DeviceId device() const { return device_; }
  /// Memory of the user's; `deleter` (may be empty) runs once, when the last Ref goes.
  static Ref<Buffer> Wrap(void* data, std::size_t bytes, std::function<void()> deleter);
  /// The same at any address; nobody writes there.
  static Ref<Buffer> WrapUnaligned(const void* data, std::size_t bytes, std::function<void()> deleter);
  /// The same on a GPU.
  static Ref<Buffer> WrapOnDevice(DeviceId device, void* data, std::size_t bytes,
                                  std::function<void()> deleter);
  /// Whether the host cannot read it: it is on a GPU.
  bool on_device() const;
  /// Whether it is wrapped memory, which nobody but its owner may recycle.
  bool wrapped() const { return memory_ == nullptr; }

 private:
  friend class Memory;
  Buffer() = default;
  ~Buffer() override;
  void Destroy() noexcept override;
  bool CopyAligned() const noexcept;
  mutable std::atomic<void*> data_{nullptr};  // where there is unaligned_: the copy, or null
  const void* unaligned_ = nullptr;
  std::size_t bytes_ = 0;
  DeviceId device_ = 0;
  std::uint8_t size_class_ = 0, height_ = 0;
  bool wrapped_on_device_ = false;
  Memory* memory_ = nullptr;  // null: wrapped
  std::function<void()> deleter_;
  // While it is free: the one below, the bottom of its bundle, and how many it makes with those down to that.
  Buffer *next_free_ = nullptr, *bottom_ = nullptr;
};

struct MemoryStats {
  std::int64_t live_bytes = 0;    // in buffers
  std::int64_t peak_bytes = 0;    // the most that live_bytes has been, within 4 KB for each other thread
  std::int64_t cached_bytes = 0;  // free blocks kept for the next allocation
  std::int64_t system_allocations = 0;
};

/// Which free blocks will do: of the next larger size, or, for what is given back soon, of up to twice that.
/// Under a limit they are all close ones: what is unused of a block could be what another one needs.
enum class Fit : std::uint8_t { close, loose };

/// The memory of one device of one engine.
class Memory final : public RefCounted {
 public:
  /// `limit` bounds live and cached bytes together; 0: none.
  /// `on_device`: the host cannot read it.
  Memory(DeviceId device, std::shared_ptr<Allocator> allocator, std::int64_t limit, bool on_device = false);
  ~Memory() override;
  /// A block of `bytes` (0 gives a valid empty one); resource_exhausted, naming the sizes, when over the
  /// limit or when the allocator has none.
  StatusOr<Ref<Buffer>> Allocate(std::size_t bytes, Fit fit = Fit::close);
  /// Gives cached blocks back to the allocator; whether there were any.
  bool Trim();
  /// Trims, and keeps nothing from now on: for the end of the engine.
  void Close();
  MemoryStats stats() const;
  std::int64_t limit() const { return limit_; }
  DeviceId device() const { return device_; }
  bool on_device() const { return on_device_; }

 private:
  friend class Buffer;
  // Classes: 64 B to 2^47 in steps of a quarter of a power of two, so that at most a fifth of a
  // block is unused.
  static constexpr int kClasses = 168, kShelves = 8;
  static constexpr std::int64_t kUncounted = 4 << 10;
  // Free blocks of a class lie in bundles of up to so many, which move from shelf to shelf as a whole.
  static constexpr int kBundle = 32;
  struct alignas(64) Shelf {
    mutable ShortMutex mutex;
    bool closed = false;
    std::int64_t uncounted = 0;  // of live_bytes_: what was taken less what came back, within kUncounted
    std::atomic<std::uint32_t> donor{0};  // the shelf that had a block last when this one had none
    std::array<std::atomic<Buffer*>, kClasses> free{};  // written under the mutex
  };
  void Destroy() noexcept override;
  Shelf& ShelfOfThread();
  /// A free block of the class, or null.
  Buffer* TakeFree(Shelf& shelf, int size_class);
  Buffer* TakeFromOthers(Shelf& shelf, int size_class);
  Buffer* NewBlock(int size_class);
  /// Counts a new block before it is there, unless it would pass the limit even without cached ones.
  bool Hold(std::int64_t size);
  void Recycle(Buffer* buffer) noexcept;
  void FreeBlock(Buffer* buffer) noexcept;
  /// REQUIRES: the shelf's mutex is held. `size` is negative for what comes back.
  void Count(Shelf& shelf, std::int64_t size);
  void NotePeak(std::int64_t live);

  const DeviceId device_;
  const std::shared_ptr<Allocator> allocator_;
  const std::int64_t limit_;
  const bool on_device_;
  // Held: of every block there is, live or free; no block moves between two counts, so none is missed or
  // counted twice. A block is live only while it is held. This ends with the last live byte, of which the
  // owners' Refs are one.
  std::atomic<std::int64_t> held_bytes_{0}, live_bytes_{1}, peak_bytes_{0}, system_allocations_{0};
  std::mutex hold_mutex_;
  std::array<Shelf, kShelves> shelves_;
};

}  // namespace leat::runtime
