// The targets of plain files: arrays, and kernels of the cache folder.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/codegen/disk_cache.h"
#include "compiler/frontend/npy_file.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace leat::fuzz {

void fuzz_npy(std::string_view bytes) {
  const StatusOr<ir::Array> array = frontend::parse_npy(bytes, "fuzz");
  if (!array.ok()) {
    require(array.status().message().starts_with("fuzz: "), "an error says where it is", array.status());
    return;
  }
  const std::string written = frontend::format_npy(array->type, array->bytes.get());
  const StatusOr<ir::Array> again = frontend::parse_npy(written, "written");
  require(again.ok() && again->type == array->type, "what is written can be read", again.status());
  require(std::memcmp(array->bytes.get(), again->bytes.get(), array->byte_count()) == 0, "and is the same");
  require(frontend::format_npy(again->type, again->bytes.get()) == written, "and is written the same");
}

namespace {

// A folder of this process, gone when it ends.
const std::string& cache_folder() {
  static const std::string folder = [] {
    const auto path = std::filesystem::temp_directory_path() / ("leat_fuzz." + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    std::atexit([] { std::filesystem::remove_all(cache_folder()); });
    return path.string();
  }();
  return folder;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The key that a file says it is for: behind 32 bytes of header, whose second eight are its length.
std::string key_in(std::string_view bytes) {
  std::uint64_t length = 0;
  if (bytes.size() >= 32) std::memcpy(&length, bytes.data() + 8, 8);
  return length > 0 && length <= bytes.size() - 32 ? std::string(bytes.substr(32, length)) : "a key";
}

}  // namespace

void fuzz_cache(std::string_view bytes) {
  static compiler::codegen::DiskCache& cache = *new compiler::codegen::DiskCache(cache_folder());
  const std::string key = key_in(bytes), path = cache.PathOf(key);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  const std::uint64_t rejected = cache.rejected();
  const std::optional<std::string> object = cache.Find(key);
  require(object.has_value() == (cache.rejected() == rejected), "a file is found or counted as rejected");
  if (object) {
    cache.Store(key, *object);
    require(read_file(path) == bytes, "what is found is what storing it writes");
    require(!cache.Find(key + "x"), "and is not for another key");
  }
  std::filesystem::remove(path);
}

}  // namespace leat::fuzz
