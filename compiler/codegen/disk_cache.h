// Objects of compiled kernels in a folder, shared by processes.
//
// One file per kernel, named by a hash of its key and holding the key, a checksum and the object. A file is
// written under another name and renamed, so a reader sees all of it or none; whatever is missing, truncated,
// corrupt, no plain file, larger than 64 MiB or made for another key is not found, and whatever cannot be
// written is left out: the cache never fails and never gives a wrong object. Thread-safe; any number of
// processes.
//
//   DiskCache cache(folder);
//   if (auto object = cache.Find(key)) ... else cache.Store(key, object);
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace leat::compiler::codegen {

class DiskCache {
 public:
  /// Of no folder: finds and stores nothing.
  explicit DiskCache(std::string folder) : folder_(std::move(folder)) {}
  std::optional<std::string> Find(const std::string& key);
  void Store(const std::string& key, const std::string& object);
  /// Files that were there but could not be used.
  std::uint64_t rejected() const { return rejected_.load(std::memory_order_relaxed); }
  /// Counts a file that passed the checks and still was no use.
  void Reject() { rejected_.fetch_add(1, std::memory_order_relaxed); }
  std::string PathOf(const std::string& key) const;

 private:
  const std::string folder_;
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<std::uint64_t> writes_{0};
};

}  // namespace leat::compiler::codegen
