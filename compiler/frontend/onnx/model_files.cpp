// Files of models: the model itself, and external data beneath its folder.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/onnx/constants.h"

namespace leat::onnx {
namespace {

[[noreturn]] void fail(Code code, const std::string& path, std::string_view what) {
  throw Error(Status(code, absl::StrCat(path, ": ", std::string(what))));
}

struct FileDescriptor {
  int number;
  ~FileDescriptor() {
    if (number >= 0) ::close(number);
  }
};

// What is written through the mapping is this process's own; nothing writes.
ModelBytes map(const FileDescriptor& file, const std::string& path) {
  struct stat about {};
  if (::fstat(file.number, &about) != 0) fail(Code::failed_precondition, path, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) fail(Code::failed_precondition, path, "is not a regular file");
  ModelBytes result;
  result.path = path;
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) return result;
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.number, 0);
  if (memory == MAP_FAILED) fail(Code::failed_precondition, path, std::strerror(errno));
  result.owner =
      std::shared_ptr<const void>(memory, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  result.bytes = {static_cast<const char*>(memory), size};
  return result;
}

}  // namespace

ModelBytes map_file(const std::string& path) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) {
    fail(errno == ENOENT ? Code::not_found : Code::failed_precondition, path,
         absl::StrCat("cannot open: ", std::strerror(errno)));
  }
  return map(file, path);
}

ModelBytes open_external_data(const std::string& model_path, std::string_view location) {
  const std::string name(location);
  const std::string shown = "external data \"" + name + "\"";
  if (name.empty() || name.find('\0') != std::string::npos) {
    fail(Code::invalid_argument, shown, "no name of a file");
  }
  const std::size_t slash = model_path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : model_path.substr(0, slash + 1);
  const FileDescriptor beneath{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (beneath.number < 0) fail(Code::not_found, folder, std::strerror(errno));
  // The kernel resolves the name and sees to it that no step leaves the folder: no race, no special case.
  // ".." is refused wherever it stands, also where it would stay inside.
  if (name.front() == '/' || absl::StrCat("/", name, "/").find("/../") != std::string::npos) {
    fail(Code::invalid_argument, shown, "the name leaves the model's folder");
  }
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const FileDescriptor file{
      static_cast<int>(::syscall(SYS_openat2, beneath.number, name.c_str(), &how, sizeof how))};
  if (file.number < 0) {
    if (errno == ELOOP) fail(Code::invalid_argument, shown, "there is a link on the way");
    if (errno == EXDEV) fail(Code::invalid_argument, shown, "the name leaves the model's folder");
    fail(errno == ENOENT ? Code::not_found : Code::failed_precondition, shown, std::strerror(errno));
  }
  struct stat about {};
  if (::fstat(file.number, &about) == 0 && S_ISREG(about.st_mode) && about.st_nlink > 1) {
    fail(Code::invalid_argument, shown, "there is a link on the way");  // a hard link may lead anywhere
  }
  return map(file, shown);
}

}  // namespace leat::onnx
