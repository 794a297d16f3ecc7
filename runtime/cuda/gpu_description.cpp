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
  std::int64_t f32_gflops, f64_gflops, f16_gflops, memory_gb_per_s, copy_gb_per_s;
};

// Limits: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability". Multiprocessors and
// speeds: of the data sheets of a T4, A100 40GB, RTX 3090, L40S and H100 SXM; f16 on a T4, an RTX 3090 and an
// L40S with f32 sums, none sparse. Copies: what is left of PCI Express 3, 4 and 5 x16.
constexpr Row kRows[] = {
    {"sm_75", 75, 40, 1024, 16, 64 * kKiB, 64 * kKiB, 0, 8100, 253, 65000, 320, 12},
    {"sm_80", 80, 108, 2048, 32, 164 * kKiB, 163 * kKiB, kKiB, 19500, 9700, 312000, 1555, 25},
    {"sm_86", 86, 82, 1536, 16, 100 * kKiB, 99 * kKiB, kKiB, 35600, 556, 71000, 936, 25},
    {"sm_89", 89, 142, 1536, 24, 100 * kKiB, 99 * kKiB, kKiB, 91600, 1430, 181000, 864, 25},
    {"sm_90", 90, 132, 2048, 32, 228 * kKiB, 227 * kKiB, kKiB, 66900, 33500, 989000, 3350, 50},
    {"sm_90a", 90, 132, 2048, 32, 228 * kKiB, 227 * kKiB, kKiB, 66900, 33500, 989000, 3350, 50},
};

constexpr std::string_view kNames[] = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"};

struct Amount {
  std::string_view key;
  std::int64_t GpuDescription::*member;
};
constexpr Amount kAmounts[] = {
    {"shared_per_multiprocessor", &GpuDescription::shared_per_multiprocessor},
    {"shared_per_block", &GpuDescription::shared_per_block},
    {"f32_gflops", &GpuDescription::f32_gflops},
    {"f64_gflops", &GpuDescription::f64_gflops},
    {"f16_gflops", &GpuDescription::f16_gflops},
    {"memory_gb_per_s", &GpuDescription::memory_gb_per_s},
    {"copy_gb_per_s", &GpuDescription::copy_gb_per_s},
};
const Amount* find_amount(std::string_view key) {
  const auto* const found =
      std::find_if(std::begin(kAmounts), std::end(kAmounts), [&](const Amount& a) { return a.key == key; });
  return found == std::end(kAmounts) ? nullptr : found;
}

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
      return GpuDescription{.arch = std::string(arch),
                            .sm = row.sm,
                            .multiprocessors = row.multiprocessors,
                            .threads_per_multiprocessor = row.threads,
                            .blocks_per_multiprocessor = row.blocks,
                            .shared_per_multiprocessor = row.shared,
                            .shared_per_block = row.shared_per_block,
                            .reserved_shared_per_block = row.reserved,
                            .f32_gflops = row.f32_gflops,
                            .f64_gflops = row.f64_gflops,
                            .f16_gflops = row.f16_gflops,
                            .memory_gb_per_s = row.memory_gb_per_s,
                            .copy_gb_per_s = row.copy_gb_per_s};
    }
    known += (known.empty() ? "" : ", ") + std::string(row.arch);
  }
  return Status(Code::invalid_argument,
                "no GPU architecture is called \"" + std::string(arch) + "\"; there are " + known);
}

bool takes_cubins(const GpuDescription& gpu) {
  return gpu.device_sm >= gpu.sm && gpu.device_sm / 10 == gpu.sm / 10;
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
    } else if (const Amount* wide = find_amount(key)) {
      gpu.*(wide->member) = amount;
    } else {
      return bad("unknown key " + std::string(key));
    }
  }
  if (gpu.arch.empty()) return bad("no arch");
  return gpu;
}

std::string print(const GpuDescription& gpu) {
  const auto line = [](std::string_view key, std::int64_t value) {
    return std::string(key) + " = " + std::to_string(value) + "\n";
  };
  std::string text = "arch = " + gpu.arch + "\n" + line("multiprocessors", gpu.multiprocessors) +
                     line("threads_per_multiprocessor", gpu.threads_per_multiprocessor) +
                     line("blocks_per_multiprocessor", gpu.blocks_per_multiprocessor);
  for (const Amount& amount : kAmounts) text += line(amount.key, gpu.*(amount.member));
  return text;
}

}  // namespace leat::runtime::cuda
