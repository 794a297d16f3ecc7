// Libraries of NVIDIA's that are opened at run time: which, by whose name, and why not.
//
//   StatusOr<OpenedLibrary> opened = open_library("LEAT_CUBLASLT", {"libcublasLt.so.13"});
//   void* const create = opened->Find("cublasLtCreate");
#pragma once

#include <initializer_list>
#include <span>
#include <string>

#include "leat/status.h"

namespace leat::runtime::cuda {

/// It is never unloaded: such libraries leave threads and memory of theirs behind.
class OpenedLibrary {
 public:
  void* Find(const char* symbol) const;
  /// The file that this symbol of it is in, as the loader found it.
  std::string PathOf(const char* symbol) const;
  const std::string& name() const { return name_; }  // that it was opened by

 private:
  friend StatusOr<OpenedLibrary> open_library(const char*, std::initializer_list<const char*>,
                                              const struct OpenLibraryOptions&);
  void* handle_ = nullptr;
  std::string name_;
};

struct OpenLibraryOptions {
  std::string path{};                       // empty: by its usual names
  std::span<const char* const> needs = {};  // symbols: a library that lacks one is passed over
};
/// `path`; where that is empty, what the environment variable names ("none": nothing); else the first of
/// `usual` that the system's loader finds and that has what is needed. not_found, with the reasons.
StatusOr<OpenedLibrary> open_library(const char* variable, std::initializer_list<const char*> usual,
                                     const OpenLibraryOptions& options = {});

}  // namespace leat::runtime::cuda
