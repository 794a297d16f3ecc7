#include "compiler/codegen/disk_cache.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace leat::compiler::codegen {
namespace {

// magic, sizes of key and object, checksum of both; then the key and the object.
struct Header {
  char magic[8];
  std::uint64_t key_bytes;
  std::uint64_t object_bytes;
  std::uint64_t checksum;
};
constexpr char kMagic[8] = {'l', 'e', 'a', 't', 'o', 'b', 'j', '1'};
constexpr std::uint64_t kLargestObject =
    64 << 20;  // a file that says more is damaged, and no memory is asked for it

/// FNV-1a over 64-bit words: catches damage, not malice.
std::uint64_t hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t h = 0xcbf29ce484222325u ^ seed;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    h = (h ^ word) * 0x100000001b3u;
    h ^= h >> 29;
  }
  for (; i < text.size(); ++i) h = (h ^ static_cast<unsigned char>(text[i])) * 0x100000001b3u;
  return h ^ (h >> 32);
}

std::uint64_t checksum(std::string_view key, std::string_view object) { return hash(object, hash(key, 0)); }

}  // namespace

std::string DiskCache::PathOf(const std::string& key) const {
  char name[48];
  std::snprintf(name, sizeof name, "%016llx%016llx.kernel", static_cast<unsigned long long>(hash(key, 1)),
                static_cast<unsigned long long>(hash(key, 2)));
  return (std::filesystem::path(folder_) / name).string();
}

std::optional<std::string> DiskCache::Find(const std::string& key) {
  if (folder_.empty()) return std::nullopt;
  const std::string path = PathOf(key);
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return std::nullopt;
  const auto rejected = [&]() -> std::optional<std::string> {
    Reject();
    return std::nullopt;
  };
  if (!std::filesystem::is_regular_file(status)) return rejected();  // a pipe would be waited for
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::uint64_t size = file ? static_cast<std::uint64_t>(file.tellg()) : 0;
  Header header;
  if (!file.seekg(0) || !file.read(reinterpret_cast<char*>(&header), sizeof header)) return rejected();
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.key_bytes != key.size() ||
      header.object_bytes > kLargestObject || size != sizeof header + key.size() + header.object_bytes) {
    return rejected();
  }
  std::string found_key(key.size(), '\0'), object(header.object_bytes, '\0');
  if (!file.read(found_key.data(), static_cast<std::streamsize>(found_key.size())) || found_key != key ||
      !file.read(object.data(), static_cast<std::streamsize>(object.size())) ||
      header.checksum != checksum(key, object)) {
    return rejected();
  }
  return object;
}

void DiskCache::Store(const std::string& key, const std::string& object) {
  if (folder_.empty() || object.size() > kLargestObject) return;
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  const std::string path = PathOf(key);
  const std::string temporary =
      path + "." + std::to_string(::getpid()) + "." + std::to_string(writes_.fetch_add(1)) + ".tmp";
  Header header;
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.key_bytes = key.size();
  header.object_bytes = object.size();
  header.checksum = checksum(key, object);
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&header), sizeof header);
    file.write(key.data(), static_cast<std::streamsize>(key.size()));
    file.write(object.data(), static_cast<std::streamsize>(object.size()));
    file.close();
    if (!file) {
      std::filesystem::remove(temporary, ignored);
      return;
    }
  }
  std::filesystem::rename(temporary, path, ignored);
  if (ignored) std::filesystem::remove(temporary, ignored);
}

}  // namespace leat::compiler::codegen
