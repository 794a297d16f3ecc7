// A Context with a GPU; where there is none, a virtual CPU with memory of its own stands in, and says so.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "leat/leat.h"

inline std::unique_ptr<leat::Context> make_context(std::string* device) {
  *device = "gpu:0";
  try {
    return std::make_unique<leat::Context>(
        leat::ContextOptions{.gpu_devices = 1, .exact_contractions = true});
  } catch (const leat::Error& e) {
    std::printf("no GPU, a virtual CPU instead: %s\n", e.status().message().c_str());
  }
  *device = "cpu:1";
  return std::make_unique<leat::Context>(
      leat::ContextOptions{.workers = 2, .cpu_devices = 2, .exact_contractions = true});
}
