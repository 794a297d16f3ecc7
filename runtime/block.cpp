#include "runtime/block.h"

#include <sys/mman.h>

#include <new>

namespace leat::runtime {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kLarge = 2 * kHugePage;

std::align_val_t alignment_of(std::size_t bytes) {
  return std::align_val_t{bytes >= kLarge ? kHugePage : kBlockAlignment};
}

}  // namespace

void* allocate_block(std::size_t bytes) noexcept {
  void* const block = ::operator new(bytes, alignment_of(bytes), std::nothrow);
  // A wish: where it is not granted, small pages do.
  if (block != nullptr && bytes >= kLarge) ::madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return block;
}

void free_block(void* block, std::size_t bytes) noexcept { ::operator delete(block, alignment_of(bytes)); }

}  // namespace leat::runtime
