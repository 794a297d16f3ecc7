// Blocks of memory for elements.
//
// Large ones begin at a huge page, and the system is asked to make them of such: a page of 4 KB is another
// fault, another entry in the tables that the CPU keeps, and a stop to what it fetches ahead. Only whole huge
// pages are asked for, so that a block takes no more memory than its bytes.
#pragma once

#include <cstddef>
#include <memory>

namespace leat::runtime {

inline constexpr std::size_t kBlockAlignment = 64;

/// Aligned to at least kBlockAlignment; null: there is no memory.
void* allocate_block(std::size_t bytes) noexcept;
/// REQUIRES: `bytes` as given to allocate_block, or a null block.
void free_block(void* block, std::size_t bytes) noexcept;

struct BlockDeleter {
  std::size_t bytes = 0;
  void operator()(std::byte* block) const noexcept { free_block(block, bytes); }
};
/// A block with its owner.
using OwnedBlock = std::unique_ptr<std::byte, BlockDeleter>;
/// Null: there is no memory.
inline OwnedBlock make_block(std::size_t bytes) noexcept {
  return OwnedBlock(static_cast<std::byte*>(allocate_block(bytes)), BlockDeleter{bytes});
}

}  // namespace leat::runtime
