#include "runtime/engine/buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string>

#include "runtime/block.h"
#include "runtime/page_out.h"

namespace leat::runtime {
namespace {

class SystemAllocator final : public Allocator {
 public:
  void* Allocate(std::size_t bytes, std::size_t) override { return allocate_block(bytes); }
  void Free(void* block, std::size_t bytes, std::size_t) noexcept override { free_block(block, bytes); }
};

// Class c holds blocks of (4 + c % 4) * 2^(c / 4 + 4) bytes: 64, 80, 96, 112, 128, 160, ... A multiple of 64
// is asked of the allocator.
constexpr std::size_t class_bytes(int c) { return (std::size_t{4} + c % 4) << (c / 4 + 4); }

int class_of(std::size_t bytes) {
  if (bytes <= 64) return 0;
  const int log = std::bit_width(bytes - 1) - 1;  // 2^log < bytes <= 2^(log+1)
  const std::size_t quarter = std::size_t{1} << (log - 2);
  const auto steps = static_cast<int>((bytes - (std::size_t{1} << log) + quarter - 1) / quarter);  // 1..4
  return (log - 6) * 4 + steps;
}

constexpr std::size_t block_bytes(int c) { return (class_bytes(c) + 63) & ~std::size_t{63}; }

}  // namespace

std::shared_ptr<Allocator> default_allocator() {
  static const auto allocator = std::make_shared<SystemAllocator>();
  return allocator;
}

Ref<Buffer> Buffer::Wrap(void* data, std::size_t bytes, std::function<void()> deleter) {
  Ref<Buffer> buffer = Ref<Buffer>::Adopt(new Buffer());
  buffer->data_.store(data, std::memory_order_relaxed);
  buffer->bytes_ = bytes;
  buffer->deleter_ = std::move(deleter);
  return buffer;
}

Ref<Buffer> Buffer::WrapUnaligned(const void* data, std::size_t bytes, std::function<void()> deleter) {
  Ref<Buffer> buffer = Wrap(nullptr, bytes, std::move(deleter));
  buffer->unaligned_ = data;
  return buffer;
}

bool Buffer::CopyAligned() const noexcept {
  if (data_.load(std::memory_order_acquire) != nullptr) return true;
  void* const copy = allocate_block(bytes_);
  if (copy == nullptr) return false;
  std::memcpy(copy, unaligned_, bytes_);
  void* before = nullptr;
  if (data_.compare_exchange_strong(before, copy, std::memory_order_acq_rel)) {
    page_out(unaligned_, static_cast<std::int64_t>(bytes_));
  } else {
    free_block(copy, bytes_);
  }
  return true;
}

Buffer::~Buffer() {
  if (unaligned_ != nullptr) free_block(data_.load(), bytes_);
}

Ref<Buffer> Buffer::WrapOnDevice(DeviceId device, void* data, std::size_t bytes,
                                 std::function<void()> deleter) {
  Ref<Buffer> buffer = Wrap(data, bytes, std::move(deleter));
  buffer->device_ = device;
  buffer->wrapped_on_device_ = true;
  return buffer;
}

void Buffer::Destroy() noexcept {
  if (memory_ != nullptr) {
    memory_->Recycle(this);
    return;
  }
  std::function<void()> deleter = std::move(deleter_);
  delete this;
  if (deleter) deleter();
}

bool Buffer::on_device() const { return wrapped_on_device_ || (memory_ != nullptr && memory_->on_device()); }

Memory::Memory(DeviceId device, std::shared_ptr<Allocator> allocator, std::int64_t limit, bool on_device)
    : device_(device),
      allocator_(allocator ? std::move(allocator) : default_allocator()),
      limit_(limit),
      on_device_(on_device) {}

Memory::~Memory() = default;

// Of the owners' last Ref. Buffers may live on.
void Memory::Destroy() noexcept {
  Close();
  if (live_bytes_.fetch_sub(1) == 1) delete this;
}

Memory::Shelf& Memory::ShelfOfThread() {
  static std::atomic<std::uint32_t> threads{0};
  thread_local const std::uint32_t ordinal = threads.fetch_add(1, std::memory_order_relaxed);
  return shelves_[ordinal % kShelves];
}

void Memory::NotePeak(std::int64_t live) {
  std::int64_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

void Memory::Count(Shelf& shelf, std::int64_t size) {
  shelf.uncounted += size;
  std::int64_t live = live_bytes_.load(std::memory_order_relaxed) + shelf.uncounted;
  if (shelf.closed || std::abs(shelf.uncounted) > kUncounted) {
    const std::int64_t change = std::exchange(shelf.uncounted, 0);
    live = live_bytes_.fetch_add(change) + change;
  }
  if (size > 0) NotePeak(std::min(live - 1, held_bytes_.load(std::memory_order_relaxed)));
}

StatusOr<Ref<Buffer>> Memory::Allocate(std::size_t bytes, Fit fit) {
  constexpr std::size_t kMost = std::size_t{1} << 46;
  constexpr int kLoose = 4;  // classes: the sizes double
  Shelf& shelf = ShelfOfThread();
  Buffer* buffer = nullptr;
  if (bytes <= kMost) {
    const int c = class_of(bytes), last = fit == Fit::loose && limit_ == 0 ? c + kLoose : c;
    for (int k = c; k <= last && buffer == nullptr; ++k) {
      const std::lock_guard lock(shelf.mutex);
      if ((buffer = TakeFree(shelf, k)) != nullptr) Count(shelf, static_cast<std::int64_t>(block_bytes(k)));
    }
    if (buffer == nullptr) {
      for (int k = c; k <= last && buffer == nullptr; ++k) buffer = TakeFromOthers(shelf, k);
      if (buffer == nullptr) buffer = NewBlock(c);
      if (buffer != nullptr) {
        const std::lock_guard lock(shelf.mutex);
        Count(shelf, static_cast<std::int64_t>(block_bytes(buffer->size_class_)));
      }
    }
  }
  if (buffer == nullptr) {
    std::string message = "out of memory on device " + std::to_string(device_) + ": " +
                          std::to_string(bytes) + " bytes asked for, " + std::to_string(stats().live_bytes) +
                          " in use";
    if (limit_ > 0) message += ", limit " + std::to_string(limit_);
    return Status(Code::resource_exhausted, std::move(message));
  }
  buffer->Revive();
  buffer->bytes_ = bytes;
  return Ref<Buffer>::Adopt(buffer);
}

Buffer* Memory::TakeFree(Shelf& shelf, int c) {
  Buffer* const buffer = shelf.free[c].load(std::memory_order_relaxed);
  if (buffer != nullptr) shelf.free[c].store(buffer->next_free_, std::memory_order_relaxed);
  return buffer;
}

// The top bundle of the first other shelf that has one: where one thread takes what another gives back, most
// calls of both stay on their own.
Buffer* Memory::TakeFromOthers(Shelf& shelf, int c) {
  for (std::uint32_t i = 0; i < kShelves; ++i) {
    const std::uint32_t donor = (shelf.donor.load(std::memory_order_relaxed) + i) % kShelves;
    Shelf& other = shelves_[donor];
    if (other.free[c].load(std::memory_order_relaxed) == nullptr || &other == &shelf) continue;
    // Under a limit all free blocks are on shelves when room is made.
    std::unique_lock<std::mutex> no_trim(hold_mutex_, std::defer_lock);
    if (limit_ > 0) no_trim.lock();
    Buffer *list, *bottom = nullptr;
    {
      const std::lock_guard lock(other.mutex);
      list = other.free[c].load(std::memory_order_relaxed);
      if (list != nullptr) {
        bottom = list->bottom_;
        other.free[c].store(std::exchange(bottom->next_free_, nullptr), std::memory_order_relaxed);
      }
    }
    if (list == nullptr) continue;
    shelf.donor.store(donor, std::memory_order_relaxed);
    Buffer* rest = list == bottom ? nullptr : list->next_free_;
    if (rest != nullptr) {
      const std::lock_guard lock(shelf.mutex);
      if (!shelf.closed) {
        bottom->next_free_ = shelf.free[c].load(std::memory_order_relaxed);
        shelf.free[c].store(std::exchange(rest, nullptr), std::memory_order_relaxed);
      }
    }
    while (rest != nullptr) FreeBlock(std::exchange(rest, rest->next_free_));
    return list;
  }
  return nullptr;
}

Buffer* Memory::NewBlock(int c) {
  const auto size = static_cast<std::int64_t>(block_bytes(c));
  if (!Hold(size)) return nullptr;
  void* block = allocator_->Allocate(block_bytes(c), kBlockAlignment);
  if (block == nullptr && Trim()) block = allocator_->Allocate(block_bytes(c), kBlockAlignment);
  Buffer* const buffer = block == nullptr ? nullptr : new (std::nothrow) Buffer();
  if (buffer == nullptr) {
    if (block != nullptr) allocator_->Free(block, block_bytes(c), kBlockAlignment);
    held_bytes_.fetch_sub(size);
    return nullptr;
  }
  system_allocations_.fetch_add(1, std::memory_order_relaxed);
  buffer->data_.store(block, std::memory_order_relaxed);
  buffer->device_ = device_;
  buffer->size_class_ = static_cast<std::uint8_t>(c);
  buffer->memory_ = this;
  return buffer;
}

void Memory::Recycle(Buffer* buffer) noexcept {
  const int c = buffer->size_class_;
  const auto size = static_cast<std::int64_t>(block_bytes(c));
  Shelf& shelf = ShelfOfThread();
  {
    const std::lock_guard lock(shelf.mutex);
    if (!shelf.closed) {
      Count(shelf, -size);
      Buffer* const top = shelf.free[c].load(std::memory_order_relaxed);
      const bool joins = top != nullptr && top->height_ < kBundle;
      buffer->height_ = static_cast<std::uint8_t>(joins ? top->height_ + 1 : 1);
      buffer->bottom_ = joins ? top->bottom_ : buffer;
      buffer->next_free_ = top;
      shelf.free[c].store(buffer, std::memory_order_relaxed);
      return;
    }
  }
  FreeBlock(buffer);
  if (live_bytes_.fetch_sub(size) == size) delete this;
}

bool Memory::Hold(std::int64_t size) {
  if (limit_ <= 0) {
    held_bytes_.fetch_add(size);
    return true;
  }
  // One at a time, so that nobody else takes the room that is made here.
  const std::lock_guard lock(hold_mutex_);
  while (held_bytes_.load() + size > limit_) {
    if (!Trim()) return false;
  }
  held_bytes_.fetch_add(size);
  return true;
}

void Memory::FreeBlock(Buffer* buffer) noexcept {
  const auto size = static_cast<std::int64_t>(block_bytes(buffer->size_class_));
  allocator_->Free(buffer->data_.load(std::memory_order_relaxed), block_bytes(buffer->size_class_),
                   kBlockAlignment);
  held_bytes_.fetch_sub(size);
  delete buffer;
}

void Memory::Close() {
  for (Shelf& shelf : shelves_) {
    const std::lock_guard lock(shelf.mutex);
    shelf.closed = true;
    Count(shelf, 0);
  }
  Trim();
}

bool Memory::Trim() {
  bool any = false;
  for (Shelf& shelf : shelves_) {
    for (int c = 0; c < kClasses; ++c) {
      if (shelf.free[c].load(std::memory_order_relaxed) == nullptr) continue;
      Buffer* list;
      {
        const std::lock_guard lock(shelf.mutex);
        list = shelf.free[c].exchange(nullptr, std::memory_order_relaxed);
      }
      any |= list != nullptr;
      while (list != nullptr) FreeBlock(std::exchange(list, list->next_free_));
    }
  }
  return any;
}

MemoryStats Memory::stats() const {
  std::int64_t live = live_bytes_.load() - 1;
  for (const Shelf& shelf : shelves_) {
    const std::lock_guard lock(shelf.mutex);
    live += shelf.uncounted;
  }
  return {live, std::max(live, peak_bytes_.load(std::memory_order_relaxed)),
          std::max<std::int64_t>(held_bytes_.load() - live, 0),
          system_allocations_.load(std::memory_order_relaxed)};
}

}  // namespace leat::runtime
