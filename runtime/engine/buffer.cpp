#include "runtime/engine/buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string>

#include "runtime/page_out.h"

namespace leat::runtime {
namespace {

class SystemAllocator final : public Allocator {
 public:
  void* Allocate(std::size_t bytes, std::size_t alignment) override {
    return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
  }
  void Free(void* block, std::size_t, std::size_t alignment) noexcept override {
    ::operator delete (block, std::align_val_t{alignment});
  }
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
  void* const copy = ::operator new (bytes_, std::align_val_t{kBufferAlignment}, std::nothrow);
  if (copy == nullptr) return false;
  std::memcpy(copy, unaligned_, bytes_);
  void* before = nullptr;
  if (data_.compare_exchange_strong(before, copy, std::memory_order_acq_rel)) {
    page_out(unaligned_, static_cast<std::int64_t>(bytes_));
  } else {
    ::operator delete (copy, std::align_val_t{kBufferAlignment});
  }
  return true;
}

Buffer::~Buffer() {
  if (unaligned_ != nullptr) ::operator delete (data_.load(), std::align_val_t{kBufferAlignment});
}

Ref<Buffer> Buffer::WrapOnDevice(DeviceId device, void* data, std::size_t bytes,
                                 std::function<void()> deleter) {
  Ref<Buffer> buffer = Wrap(data, bytes, std::move(deleter));
  buffer->device_ = device;
  buffer->wrapped_on_device_ = true;
  return buffer;
}

void Buffer::Destroy() noexcept {
  if (memory_) {
    // Recycle may put this object on a free list, where another thread takes it at once: keep our own
    // count of the memory.
    const Ref<Memory> memory = std::move(memory_);
    memory->Recycle(this);
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

Memory::~Memory() { Trim(); }

StatusOr<Ref<Buffer>> Memory::Allocate(std::size_t bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 46;
  const int c = bytes <= kMost ? class_of(bytes) : 0;
  const auto size = static_cast<std::int64_t>(block_bytes(c));
  Buffer* buffer = nullptr;
  if (bytes <= kMost) {
    SizeClass& size_class = classes_[c];
    const std::lock_guard lock(size_class.mutex);
    if ((buffer = size_class.free)) size_class.free = buffer->next_free_;
  }
  if (buffer) {
    buffer->Revive();
  } else {
    const bool held = bytes <= kMost && Hold(size);
    void* block = nullptr;
    if (held) {
      block = allocator_->Allocate(block_bytes(c), kBufferAlignment);
      if (!block && stats().cached_bytes > 0) {
        Trim();
        block = allocator_->Allocate(block_bytes(c), kBufferAlignment);
      }
    }
    if (!block) {
      if (held) held_bytes_.fetch_sub(size);
      std::string message = "out of memory on device " + std::to_string(device_) + ": " +
                            std::to_string(bytes) + " bytes asked for, " +
                            std::to_string(live_bytes_.load()) + " in use";
      if (limit_ > 0) message += ", limit " + std::to_string(limit_);
      return Status(Code::resource_exhausted, std::move(message));
    }
    system_allocations_.fetch_add(1, std::memory_order_relaxed);
    buffer = new (std::nothrow) Buffer();
    if (!buffer) {
      allocator_->Free(block, block_bytes(c), kBufferAlignment);
      held_bytes_.fetch_sub(size);
      return Status(Code::resource_exhausted, "out of memory for the record of a buffer");
    }
    buffer->data_.store(block, std::memory_order_relaxed);
    buffer->device_ = device_;
    buffer->size_class_ = static_cast<std::uint8_t>(c);
  }
  buffer->bytes_ = bytes;
  buffer->memory_ = Ref<Memory>::Share(this);
  const std::int64_t live = live_bytes_.fetch_add(size) + size;
  std::int64_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
  return Ref<Buffer>::Adopt(buffer);
}

void Memory::Recycle(Buffer* buffer) noexcept {
  const auto size = static_cast<std::int64_t>(block_bytes(buffer->size_class_));
  live_bytes_.fetch_sub(size);
  if (closed_.load(std::memory_order_relaxed)) {
    FreeBlock(buffer);
    return;
  }
  SizeClass& size_class = classes_[buffer->size_class_];
  const std::lock_guard lock(size_class.mutex);
  buffer->next_free_ = size_class.free;
  size_class.free = buffer;
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
                   kBufferAlignment);
  held_bytes_.fetch_sub(size);
  delete buffer;
}

void Memory::Close() {
  closed_.store(true, std::memory_order_relaxed);
  Trim();
}

bool Memory::Trim() {
  bool any = false;
  for (SizeClass& size_class : classes_) {
    Buffer* list;
    {
      const std::lock_guard lock(size_class.mutex);
      list = std::exchange(size_class.free, nullptr);
    }
    any |= list != nullptr;
    while (list) FreeBlock(std::exchange(list, list->next_free_));
  }
  return any;
}

MemoryStats Memory::stats() const {
  const std::int64_t live = live_bytes_.load(), held = held_bytes_.load();
  return {live, peak_bytes_.load(std::memory_order_relaxed), std::max<std::int64_t>(held - live, 0),
          system_allocations_.load(std::memory_order_relaxed)};
}

}  // namespace leat::runtime
