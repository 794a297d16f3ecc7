#include "runtime/cuda/gpu_description.h"

#include <algorithm>
#include <charconv>

namespace leat::runtime::cuda {
namespace {

constexpr std::int64_t kKiB = 1024;

struct Row {
  std::string_view arch;
  int sm, multiprocessors, threads, blocks;
  std::int64_t shared, shared_per_block, reserved;
};

// Limits: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability". Multiprocessors: of
// a T4, A100, RTX 3090, L40S and H100.
constexpr Row kRows[] = {
    {"sm_75", 75, 40, 1024, 16, 64 * kKiB, 64 * kKiB, 0},
    {"sm_80", 80, 108, 2048, 32, 164 * kKiB, 163 * kKiB, kKiB},
    {"sm_86", 86, 82, 1536, 16, 100 * kKiB, 99 * kKiB, kKiB},
    {"sm_89", 89, 142, 1536, 24, 100 * kKiB, 99 * kKiB, kKiB},
    {"sm_90", 90, 132, 2048, 32, 228 * kKiB, 227 * kKiB, kKiB},
    {"sm_90a", 90, 132, 2048, 32, 228 * kKiB, 227 * kKiB, kKiB},
};

constexpr std::string_view kNames[] = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"};

std::string_view stripped(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = s.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? std::string_view()
                                         : s.substr(begin, s.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::span<const std::string_view> gpu_architectures() { return kNames; }

StatusOr<GpuDescription> gpu_description(std::string_view arch) {
  std::string known;
  for (const Row& row : kRows) {
    if (row.arch == arch) {
      return GpuDescription{std::string(arch), row.sm,     row.multiprocessors,  row.threads,
                            row.blocks,        row.shared, row.shared_per_block, row.reserved};
    }
    known += (known.empty() ? "" : ", ") + std::string(row.arch);
  }
  return Status(Code::invalid_argument,
                "no GPU architecture is called \"" + std::string(arch) + "\"; there are " + known);
}

std::uint32_t blocks_of_grid(std::int64_t wanted, int threads, std::int64_t shared,
                             const GpuDescription& gpu) {
  // Blocks beyond those that fit at once even out their ends.
  constexpr std::int64_t kWaves = 4;
  std::int64_t resident =
      std::min<std::int64_t>(gpu.blocks_per_multiprocessor, gpu.threads_per_multiprocessor / threads);
  if (shared > 0) {
    resident = std::min(resident, gpu.shared_per_multiprocessor / (shared + gpu.reserved_shared_per_block));
  }
  resident = std::max<std::int64_t>(resident, 1);
  return static_cast<std::uint32_t>(std::min(wanted, resident * gpu.multiprocessors * kWaves));
}

StatusOr<GpuDescription> parse_gpu_description(std::string_view text) {
  GpuDescription gpu;
  int number = 0;
  const auto bad = [&](const std::string& what) {
    return Status(Code::invalid_argument, "GPU description, line " + std::to_string(number) + ": " + what);
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = stripped(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return bad("expected key = value");
    const std::string_view key = stripped(line.substr(0, equals));
    const std::string_view value = stripped(line.substr(equals + 1));
    if (key == "arch") {
      StatusOr<GpuDescription> known = gpu_description(value);
      if (!known.ok()) return bad(known.status().message());
      gpu = *std::move(known);
      continue;
    }
    if (gpu.arch.empty()) return bad("arch comes first");
    std::int64_t amount = 0;
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), amount);
    if (error != std::errc() || rest != value.data() + value.size() || amount < 1 || amount > (1 << 30)) {
      return bad(std::string(key) + " is not a count: " + std::string(value));
    }
    if (key == "multiprocessors") {
      gpu.multiprocessors = static_cast<int>(amount);
    } else if (key == "threads_per_multiprocessor") {
      gpu.threads_per_multiprocessor = static_cast<int>(amount);
    } else if (key == "blocks_per_multiprocessor") {
      gpu.blocks_per_multiprocessor = static_cast<int>(amount);
    } else if (key == "shared_per_multiprocessor") {
      gpu.shared_per_multiprocessor = amount;
    } else if (key == "shared_per_block") {
      gpu.shared_per_block = amount;
    } else {
      return bad("unknown key " + std::string(key));
    }
  }
  if (gpu.arch.empty()) return bad("no arch");
  return gpu;
}

std::string print(const GpuDescription& gpu) {
  const auto line = [](const char* key, std::int64_t value) {
    return std::string(key) + " = " + std::to_string(value) + "\n";
  };
  return "arch = " + gpu.arch + "\n" + line("multiprocessors", gpu.multiprocessors) +
         line("threads_per_multiprocessor", gpu.threads_per_multiprocessor) +
         line("blocks_per_multiprocessor", gpu.blocks_per_multiprocessor) +
         line("shared_per_multiprocessor", gpu.shared_per_multiprocessor) +
         line("shared_per_block", gpu.shared_per_block);
}

}  // namespace leat::runtime::cuda
