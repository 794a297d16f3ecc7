// What the host code of an emulated kernel and the emulator share: the thread that runs, as plain data at
// fixed offsets, with the calls that it may make. One object per emulated thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "leat/status.h"

namespace leat::emulator {

enum class Access : std::uint32_t { read, write, atomic };

struct MachineThread {
  std::uint32_t thread = 0, threads = 0, block = 0, blocks = 0;
  std::byte* shared = nullptr;
  void (*barrier)(MachineThread*) = nullptr;
  std::uint32_t (*exchange)(MachineThread*, std::uint32_t value, std::uint32_t mask) = nullptr;
  void (*access)(MachineThread*, std::byte* at, std::uint64_t bytes, std::uint64_t align,
                 std::uint32_t kind) = nullptr;
};

/// The module of `llvm_text` as an object for the host, whose leat_kernel takes (parameters, MachineThread*
/// as an integer, 0).
StatusOr<std::string> host_object(const std::string& llvm_text);

}  // namespace leat::emulator
