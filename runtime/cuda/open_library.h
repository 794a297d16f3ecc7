// Libraries of NVIDIA's that are opened at run time: which, by whose name, and why not.
//
//   StatusOr<OpenedLibrary> opened = open_library("LEAT_CUBLASLT", {"libcublasLt.so.13"});
//   void* const create = opened->Find("cublasLtCreate");
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "leat/status.h"

namespace leat::runtime::cuda {

/// Shared; it is closed with the last copy, unless it was opened to stay.
class OpenedLibrary {
 public:
  void* Find(const char* symbol) const;
  /// The file that this symbol of it is in, as the loader found it.
  std::string PathOf(const char* symbol) const;
  const std::string& name() const { return name_; }  // that it was opened by

 private:
  friend StatusOr<OpenedLibrary> open_library(const char*, std::initializer_list<const char*>,
                                              const std::string&, bool);
  std::shared_ptr<void> handle_;
  std::string name_;
};

/// `path`; where that is empty, what the environment variable names ("none": nothing); else the first of
/// `usual` that the system's loader finds. `stays`: it is never unloaded. not_found, with the loader's
/// reasons.
StatusOr<OpenedLibrary> open_library(const char* variable, std::initializer_list<const char*> usual,
                                     const std::string& path = {}, bool stays = false);

}  // namespace leat::runtime::cuda
