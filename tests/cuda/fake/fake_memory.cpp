#include "tests/cuda/fake/fake_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace leat::fake_cuda {
namespace {

std::size_t pages(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

}  // namespace

std::uint64_t FakeMemory::Add(std::size_t bytes, int device) {
  const std::size_t size = pages(bytes == 0 ? 1 : bytes);
  const int file = ::memfd_create("leat_fake_gpu", 0);
  if (file < 0) return 0;
  void *seen = MAP_FAILED, *host = MAP_FAILED;
  if (::ftruncate(file, static_cast<off_t>(size)) == 0) {
    seen = ::mmap(nullptr, size, PROT_NONE, MAP_SHARED, file, 0);
    host = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  ::close(file);
  if (seen == MAP_FAILED || host == MAP_FAILED) return 0;
  std::memset(host, 0xa5, bytes);  // nobody may count on zeros
  const auto address = reinterpret_cast<std::uint64_t>(seen);
  blocks_[address] = {bytes, device, static_cast<std::byte*>(host), false};
  return address;
}

std::uint64_t FakeMemory::AddPinned(std::size_t bytes) {
  void* const block = ::operator new (bytes == 0 ? 1 : bytes, std::align_val_t{4096}, std::nothrow);
  if (block == nullptr) return 0;
  std::memset(block, 0xa5, bytes);
  const auto address = reinterpret_cast<std::uint64_t>(block);
  blocks_[address] = {bytes, -1, static_cast<std::byte*>(block), false};
  return address;
}

void FakeMemory::Remove(std::uint64_t address) {
  const auto it = blocks_.find(address);
  if (it == blocks_.end()) return;
  if (it->second.device < 0) {
    ::operator delete (it->second.host, std::align_val_t{4096});
  } else {
    const std::size_t size = pages(it->second.bytes == 0 ? 1 : it->second.bytes);
    ::munmap(reinterpret_cast<void*>(address), size);
    ::munmap(it->second.host, size);
  }
  blocks_.erase(it);
}

FakeMemory::Block* FakeMemory::Find(std::uint64_t address, std::size_t bytes, std::uint64_t* begin) {
  auto it = blocks_.upper_bound(address);
  if (it == blocks_.begin()) return nullptr;
  --it;
  if (address - it->first > it->second.bytes || bytes > it->second.bytes - (address - it->first))
    return nullptr;
  if (begin != nullptr) *begin = it->first;
  return &it->second;
}

std::int64_t FakeMemory::BytesOf(int device) const {
  std::int64_t bytes = 0;
  for (const auto& [address, block] : blocks_)
    if (block.device == device) bytes += static_cast<std::int64_t>(block.bytes);
  return bytes;
}

void FakeMemory::RemoveAll(int device) {
  for (auto it = blocks_.begin(); it != blocks_.end();) {
    const auto [address, block] = *it++;
    if (block.device == device) Remove(address);
  }
}

void FakeMemory::Clear() {
  while (!blocks_.empty()) Remove(blocks_.begin()->first);
}

}  // namespace leat::fake_cuda
