// A broken promise ends the process, which is what a fuzzer looks for.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "leat/status.h"

namespace leat::fuzz {

inline void require(bool holds, const char* promise, const std::string& seen = "") {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n%s\n", promise, seen.c_str());
  std::abort();
}
inline void require(bool holds, const char* promise, const Status& seen) {
  if (!holds) require(false, promise, seen.ToString());
}

}  // namespace leat::fuzz
