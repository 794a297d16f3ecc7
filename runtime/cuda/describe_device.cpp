// From the attributes that a driver tells to a GpuDescription.
#include <cstdio>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/gpu_description.h"

namespace leat::runtime::cuda {

StatusOr<GpuDescription> describe_device(const Driver& driver, int ordinal) {
  CuDevice device = 0;
  if (Status s = driver.Check(driver.DeviceGet(&device, ordinal), "cuDeviceGet"); !s.ok()) return s;
  Status failure;
  const auto attribute = [&](CuDeviceAttribute which) {
    int value = 0;
    if (Status s = driver.Check(driver.DeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
        !s.ok() && failure.ok()) {
      failure = std::move(s);
    }
    return value;
  };
  const int sm = 10 * attribute(kComputeCapabilityMajor) + attribute(kComputeCapabilityMinor);
  // PTX for an older architecture runs on a newer one; that for sm_90a on nothing else.
  StatusOr<GpuDescription> gpu = Status(
      Code::failed_precondition, "its compute capability " + std::to_string(sm / 10) + "." +
                                     std::to_string(sm % 10) + " is older than all that Leat compiles for");
  for (std::string_view arch : gpu_architectures()) {
    StatusOr<GpuDescription> known = gpu_description(arch);
    if (known->sm <= sm && !arch.ends_with('a')) gpu = std::move(known);
  }
  if (!failure.ok()) return failure;
  if (!gpu.ok()) return gpu;
  gpu->device_sm = sm;
  const int usual = gpu->multiprocessors;
  gpu->multiprocessors = attribute(kMultiprocessorCount);
  for (std::int64_t* gflops : {&gpu->f32_gflops, &gpu->f64_gflops, &gpu->f16_gflops})
    *gflops = *gflops * gpu->multiprocessors / usual;
  gpu->threads_per_multiprocessor = attribute(kThreadsPerMultiprocessor);
  gpu->blocks_per_multiprocessor = attribute(kBlocksPerMultiprocessor);
  gpu->shared_per_multiprocessor = attribute(kSharedPerMultiprocessor);
  gpu->shared_per_block = attribute(kSharedPerBlockOptIn);
  gpu->reserved_shared_per_block = attribute(kReservedSharedPerBlock);
  if (!failure.ok()) return failure;
  return gpu;
}

std::vector<std::string> describe_gpus() {
  std::vector<std::string> all;
  const StatusOr<std::shared_ptr<const Driver>> opened = Driver::Open();
  if (!opened.ok()) return all;
  const Driver& driver = **opened;
  for (int ordinal = 0; ordinal < driver.device_count(); ++ordinal) {
    CuDevice device = 0;
    char name[128] = "a device without a name";
    std::size_t bytes = 0;
    const StatusOr<GpuDescription> gpu = describe_device(driver, ordinal);
    std::string text = "gpu:" + std::to_string(ordinal) + ": ";
    if (driver.DeviceGet(&device, ordinal) == CuResult::success &&
        driver.DeviceGetName(name, sizeof name, device) == CuResult::success) {
      text += name;
    }
    if (gpu.ok()) {
      text += ", " + gpu->arch + ", " + std::to_string(gpu->multiprocessors) + " multiprocessors";
    } else {
      text += ", cannot be used: " + gpu.status().message();
    }
    if (driver.DeviceTotalMem(&bytes, device) == CuResult::success) {
      char size[32];
      std::snprintf(size, sizeof size, ", %.1f GiB", static_cast<double>(bytes) / (1 << 30));
      text += size;
    }
    all.push_back(std::move(text));
  }
  return all;
}

}  // namespace leat::runtime::cuda
