#include "runtime/cuda/driver.h"

namespace leat::runtime::cuda {
namespace {

// cuGetProcAddress of 12.0 says in a fifth parameter why it found nothing; that of 11.3 has four.
using GetProcAddress12 = CuResult (*)(const char*, void**, int, std::uint64_t, int*);
using GetProcAddress11 = CuResult (*)(const char*, void**, int, std::uint64_t);

}  // namespace

std::string describe_version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

StatusOr<std::shared_ptr<const Driver>> Driver::Open(const std::string& path) {
  StatusOr<OpenedLibrary> library = open_library("LEAT_CUDA_DRIVER", {"libcuda.so.1"}, {.path = path});
  if (!library.ok()) return Status(Code::not_found, "no CUDA driver: " + library.status().message());
  std::shared_ptr<Driver> driver(new Driver(*std::move(library)));
  if (Status s = driver->Load(); !s.ok()) return s;
  return std::shared_ptr<const Driver>(std::move(driver));
}

Status Driver::Load() {
  void* const first = library_.Find("cuGetProcAddress");
  void* const second = library_.Find("cuGetProcAddress_v2");
  path_ = library_.PathOf(first != nullptr ? "cuGetProcAddress" : "cuGetProcAddress_v2");
  if (first == nullptr && second == nullptr) {
    return Status(Code::not_found,
                  library_.name() + " has no cuGetProcAddress: a driver of CUDA 11.4 or later is needed");
  }
  if (path_.find("/stubs/") != std::string::npos) {
    return Status(Code::not_found, path_ + " is the toolkit's library of stubs, not a driver");
  }
  const auto find = [&](const char* name, int version, void** address) {
    return second != nullptr ? reinterpret_cast<GetProcAddress12>(second)(name, address, version, 0, nullptr)
                             : reinterpret_cast<GetProcAddress11>(first)(name, address, version, 0);
  };
#define LEAT_ENTRY(entry, entry_version, parameters)                                           \
  if (void* address = nullptr;                                                                 \
      find("cu" #entry, entry_version, &address) == CuResult::success && address != nullptr) { \
    entry = reinterpret_cast<decltype(entry)>(address);                                        \
  } else {                                                                                     \
    return Status(Code::not_found,                                                             \
                  path_ + " has no cu" #entry " of CUDA " + describe_version(entry_version));  \
  }
  LEAT_CUDA_DRIVER_ENTRIES(LEAT_ENTRY)
#undef LEAT_ENTRY
  const auto usable = [&](CuResult result, const char* call) {
    const Status s = Check(result, call);
    return s.ok() ? s : Status(Code::not_found, path_ + ": " + s.message());
  };
  if (Status s = usable(Init(0), "cuInit"); !s.ok()) return s;
  if (Status s = usable(DriverGetVersion(&version_), "cuDriverGetVersion"); !s.ok()) return s;
  return usable(DeviceGetCount(&device_count_), "cuDeviceGetCount");
}

Status Driver::Check(CuResult result, std::string_view call) const {
  if (result == CuResult::success) [[likely]]
    return {};
  const char *name = nullptr, *text = nullptr;
  // A number that the driver itself does not know leaves them null.
  GetErrorName(result, &name);
  GetErrorString(result, &text);
  std::string message(call);
  message += ": ";
  message += name != nullptr ? name : "error " + std::to_string(static_cast<int>(result));
  if (text != nullptr) message += std::string(" (") + text + ")";
  return Status(result == CuResult::out_of_memory ? Code::resource_exhausted : Code::device_lost,
                std::move(message));
}

std::string describe_driver() {
  const StatusOr<std::shared_ptr<const Driver>> driver = Driver::Open();
  if (!driver.ok()) return "absent: " + driver.status().message();
  return "found: " + (*driver)->path() + ", CUDA " + describe_version((*driver)->version()) + ", " +
         std::to_string((*driver)->device_count()) + " devices";
}

}  // namespace leat::runtime::cuda
