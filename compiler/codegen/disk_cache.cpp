#include "compiler/codegen/disk_cache.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
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
  std::ifstream file(PathOf(key), std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream stream;
  stream << file.rdbuf();
  const std::string bytes = std::move(stream).str();
  Header header;
  const auto rejected = [&]() -> std::optional<std::string> {
    Reject();
    return std::nullopt;
  };
  if (bytes.size() < sizeof header) return rejected();
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::uint64_t rest = bytes.size() - sizeof header;
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.key_bytes > rest ||
      header.object_bytes != rest - header.key_bytes) {
    return rejected();
  }
  const std::string_view found_key(bytes.data() + sizeof header, header.key_bytes);
  const std::string_view object(found_key.data() + found_key.size(), header.object_bytes);
  if (found_key != key || header.checksum != checksum(found_key, object)) return rejected();
  return std::string(object);
}

void DiskCache::Store(const std::string& key, const std::string& object) {
  if (folder_.empty()) return;
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
