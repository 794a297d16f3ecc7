#include "runtime/engine/profiler_ranges.h"

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>

namespace leat::runtime {
namespace {

// --- NVTX 3: the library is handed a function that gives tables, and puts its functions into their slots ---

using NvtxFunction = void (*)();
using NvtxPush = int (*)(const char*);
using NvtxPop = int (*)();

enum NvtxCore : unsigned { kRangePushA = 9, kRangePop = 11, kCoreSize = 16 };  // NvtxCallbackIdCore
constexpr int kModuleCore = 1;                                                 // NvtxCallbackModule
constexpr std::uint32_t kTableCallbacks = 1, kTableVersion = 3;                // NvtxExportTableID

NvtxFunction g_core[kCoreSize];
NvtxFunction* g_core_slots[kCoreSize + 1];  // ends with null

struct NvtxCallbacks {
  std::size_t size;
  int (*get_module)(int module, NvtxFunction*** table, unsigned* count);
};
struct NvtxVersion {
  std::size_t size;
  std::uint32_t version, reserved;
  void (*set_injection_version)(std::uint32_t);
};

int get_module(int module, NvtxFunction*** table, unsigned* count) {
  if (module != kModuleCore) return 0;
  for (unsigned i = 1; i < kCoreSize; ++i) g_core_slots[i] = &g_core[i];
  if (table != nullptr) *table = g_core_slots;
  if (count != nullptr) *count = kCoreSize;
  return 1;
}

const void* get_table(std::uint32_t id) {
  static const NvtxCallbacks callbacks{sizeof(NvtxCallbacks), get_module};
  static const NvtxVersion version{sizeof(NvtxVersion), 3, 0, [](std::uint32_t) {}};
  return id == kTableCallbacks ? static_cast<const void*>(&callbacks)
         : id == kTableVersion ? static_cast<const void*>(&version)
                               : nullptr;
}

class Nvtx final : public ProfilerRanges {
 public:
  Nvtx()
      : push_(reinterpret_cast<NvtxPush>(g_core[kRangePushA])),
        pop_(reinterpret_cast<NvtxPop>(g_core[kRangePop])) {}
  void Push(const char* name) const override { push_(name); }
  void Pop() const override { pop_(); }

 private:
  const NvtxPush push_;
  const NvtxPop pop_;
};

// --- ITT: functions by their names, as its static part looks them up ---

struct IttId {
  unsigned long long d1, d2, d3;
};
using IttDomainCreate = void* (*)(const char*);
using IttStringCreate = void* (*)(const char*);
using IttTaskBegin = void (*)(const void* domain, IttId task, IttId parent, void* name);
using IttTaskEnd = void (*)(const void* domain);

class Itt final : public ProfilerRanges {
 public:
  Itt(void* domain, IttStringCreate string, IttTaskBegin begin, IttTaskEnd end)
      : domain_(domain), string_(string), begin_(begin), end_(end) {}
  void Push(const char* name) const override { begin_(domain_, {}, {}, string_(name)); }
  void Pop() const override { end_(domain_); }

 private:
  void* const domain_;
  const IttStringCreate string_;
  const IttTaskBegin begin_;
  const IttTaskEnd end_;
};

struct Found {
  const ProfilerRanges* ranges = nullptr;
  std::string text = "no profiler asks (NVTX_INJECTION64_PATH, INTEL_LIBITTNOTIFY64)";
};

void* open(const char* variable, const char* path, Found& found) {
  void* library = ::dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  const char* why = library == nullptr ? ::dlerror() : nullptr;
  found.text = std::string(variable) + ": " + (why != nullptr ? why : path);
  return library;
}

// Never closed, never freed: ranges may be open until the process ends.
Found find() {
  Found found;
  if (const char* path = std::getenv("NVTX_INJECTION64_PATH"); path != nullptr && *path != 0) {
    if (void* library = open("NVTX_INJECTION64_PATH", path, found)) {
      using Initialize = int (*)(const void* (*)(std::uint32_t));
      const auto initialize = reinterpret_cast<Initialize>(::dlsym(library, "InitializeInjectionNvtx2"));
      if (initialize != nullptr && initialize(get_table) == 1 && g_core[kRangePushA] && g_core[kRangePop]) {
        found.ranges = new Nvtx;
        found.text += ", NVTX ranges";
        return found;
      }
      found.text += ": takes no NVTX ranges";
    }
    return found;
  }
  if (const char* path = std::getenv("INTEL_LIBITTNOTIFY64"); path != nullptr && *path != 0) {
    if (void* library = open("INTEL_LIBITTNOTIFY64", path, found)) {
      const auto domain = reinterpret_cast<IttDomainCreate>(::dlsym(library, "__itt_domain_create"));
      const auto string = reinterpret_cast<IttStringCreate>(::dlsym(library, "__itt_string_handle_create"));
      const auto begin = reinterpret_cast<IttTaskBegin>(::dlsym(library, "__itt_task_begin"));
      const auto end = reinterpret_cast<IttTaskEnd>(::dlsym(library, "__itt_task_end"));
      if (domain != nullptr && string != nullptr && begin != nullptr && end != nullptr) {
        found.ranges = new Itt(domain("leat"), string, begin, end);
        found.text += ", ITT tasks";
      } else {
        found.text += ": has no ITT tasks";
      }
    }
  }
  return found;
}

const Found& found() {
  static const Found* const kFound = new Found(find());
  return *kFound;
}

}  // namespace

const ProfilerRanges* ProfilerRanges::Get() { return found().ranges; }
std::string ProfilerRanges::Describe() { return found().text; }

}  // namespace leat::runtime
