#include "runtime/engine/buffer.h"

#include <bit>
#include <new>
#include <string>

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
  buffer->data_ = data;
  buffer->bytes_ = bytes;
  buffer->deleter_ = std::move(deleter);
  return buffer;
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
    cached_bytes_.fetch_sub(
        size);  // first: counted twice between the two, it could make others fail for nothing
    live_bytes_.fetch_add(size);
    buffer->Revive();
  } else {
    // Counted before it is there, so that two at once do not both take the last room.
    const auto reserve = [&] {
      std::int64_t live = live_bytes_.load();
      do {
        if (limit_ > 0 && live + cached_bytes_.load() + size > limit_) return false;
      } while (!live_bytes_.compare_exchange_weak(live, live + size));
      return true;
    };
    bool reserved = bytes <= kMost && reserve();
    if (!reserved && bytes <= kMost) {
      Trim();
      reserved = reserve();
    }
    void* block = nullptr;
    if (reserved) {
      block = allocator_->Allocate(block_bytes(c), kBufferAlignment);
      if (!block && cached_bytes_.load(std::memory_order_relaxed) > 0) {
        Trim();
        block = allocator_->Allocate(block_bytes(c), kBufferAlignment);
      }
    }
    if (!block) {
      if (reserved) live_bytes_.fetch_sub(size);
      std::string message = "out of memory on device " + std::to_string(device_) + ": " +
                            std::to_string(bytes) + " bytes asked for, " +
                            std::to_string(live_bytes_.load()) + " in use";
      if (limit_ > 0) message += ", limit " + std::to_string(limit_);
      return Status(Code::resource_exhausted, std::move(message));
    }
    system_allocations_.fetch_add(1, std::memory_order_relaxed);
    buffer = new (std::nothrow) Buffer();
    if (!buffer) {
      live_bytes_.fetch_sub(size);
      allocator_->Free(block, block_bytes(c), kBufferAlignment);
      return Status(Code::resource_exhausted, "out of memory for the record of a buffer");
    }
    buffer->data_ = block;
    buffer->device_ = device_;
    buffer->size_class_ = static_cast<std::uint8_t>(c);
  }
  buffer->bytes_ = bytes;
  buffer->memory_ = Ref<Memory>::Share(this);
  const std::int64_t live = live_bytes_.load(std::memory_order_relaxed);
  std::int64_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
  return Ref<Buffer>::Adopt(buffer);
}

void Memory::Recycle(Buffer* buffer) noexcept {
  const auto size = static_cast<std::int64_t>(block_bytes(buffer->size_class_));
  live_bytes_.fetch_sub(size, std::memory_order_relaxed);
  if (closed_.load(std::memory_order_relaxed)) {
    FreeBlock(buffer);
    return;
  }
  cached_bytes_.fetch_add(size, std::memory_order_relaxed);
  SizeClass& size_class = classes_[buffer->size_class_];
  const std::lock_guard lock(size_class.mutex);
  buffer->next_free_ = size_class.free;
  size_class.free = buffer;
}

void Memory::FreeBlock(Buffer* buffer) noexcept {
  allocator_->Free(buffer->data_, block_bytes(buffer->size_class_), kBufferAlignment);
  delete buffer;
}

void Memory::Close() {
  closed_.store(true, std::memory_order_relaxed);
  Trim();
}

void Memory::Trim() {
  for (SizeClass& size_class : classes_) {
    Buffer* list;
    {
      const std::lock_guard lock(size_class.mutex);
      list = std::exchange(size_class.free, nullptr);
    }
    while (list) {
      Buffer* next = list->next_free_;
      cached_bytes_.fetch_sub(static_cast<std::int64_t>(block_bytes(list->size_class_)),
                              std::memory_order_relaxed);
      FreeBlock(list);
      list = next;
    }
  }
}

MemoryStats Memory::stats() const {
  return {live_bytes_.load(std::memory_order_relaxed), peak_bytes_.load(std::memory_order_relaxed),
          cached_bytes_.load(std::memory_order_relaxed), system_allocations_.load(std::memory_order_relaxed)};
}

}  // namespace leat::runtime
