#include "runtime/cuda/open_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace leat::runtime::cuda {

void* OpenedLibrary::Find(const char* symbol) const { return ::dlsym(handle_, symbol); }

std::string OpenedLibrary::PathOf(const char* symbol) const {
  Dl_info where{};
  const bool known = ::dladdr(Find(symbol), &where) != 0 && where.dli_fname != nullptr;
  return known ? where.dli_fname : name_;
}

StatusOr<OpenedLibrary> open_library(const char* variable, std::initializer_list<const char*> usual,
                                     const OpenLibraryOptions& options) {
  const char* const named = std::getenv(variable);
  std::vector<std::string> names(usual.begin(), usual.end());
  if (!options.path.empty()) {
    names = {options.path};
  } else if (named != nullptr && *named != '\0') {
    names = {named};
    if (names[0] == "none") return Status(Code::not_found, std::string(variable) + "=none");
  }
  std::string why;
  const auto not_it = [&](const std::string& reason) { why += (why.empty() ? "" : "; ") + reason; };
  for (const std::string& name : names) {
    void* const handle = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) {
      const char* const reason = ::dlerror();
      not_it(reason == nullptr ? name + ": dlopen gives no reason" : reason);
      continue;
    }
    OpenedLibrary opened;
    opened.handle_ = handle;
    opened.name_ = name;
    const auto missing = std::find_if(options.needs.begin(), options.needs.end(),
                                      [&](const char* symbol) { return opened.Find(symbol) == nullptr; });
    if (missing == options.needs.end()) return opened;
    not_it(name + " has no " + *missing);
  }
  return Status(Code::not_found, why);
}

}  // namespace leat::runtime::cuda
