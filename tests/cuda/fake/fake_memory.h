// Memory of the fake devices: each block has an address that the host cannot touch, and a second mapping of
// the same pages for the fake itself. Pinned blocks are ordinary memory. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace leat::fake_cuda {

class FakeMemory {
 public:
  struct Block {
    std::size_t bytes = 0;
    int device = 0;  // -1: pinned
    std::byte* host = nullptr;
    bool freed = false;  // by a stream that has not come to it yet
  };
  ~FakeMemory() { Clear(); }
  /// 0 where the system has none.
  std::uint64_t Add(std::size_t bytes, int device);
  std::uint64_t AddPinned(std::size_t bytes);
  void Remove(std::uint64_t address);
  /// The block that holds the range, or null.
  Block* Find(std::uint64_t address, std::size_t bytes, std::uint64_t* begin = nullptr);
  void RemoveAll(int device);
  std::int64_t BytesOf(int device) const;
  const std::map<std::uint64_t, Block>& blocks() const { return blocks_; }
  void Clear();

 private:
  std::map<std::uint64_t, Block> blocks_;
};

}  // namespace leat::fake_cuda
