#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compiler/code_cache.h"
#include "ir/ops.h"
#include "runtime/cpu/contraction.h"
#include "runtime/cuda/cublas_lt.h"
#include "runtime/cuda/driver.h"
#include "runtime/cuda/gpu_description.h"
#include "runtime/cuda/jit_link.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/profiler_ranges.h"
#include "tools/leat/commands.h"

namespace leat::tool {
namespace {

// Where a library that is loaded lies.
std::string path_of(const char* name, const char* symbol) {
  void* handle = ::dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return "";
  Dl_info where{};
  void* address = ::dlsym(handle, symbol);
  const bool found = address != nullptr && ::dladdr(address, &where) != 0;
  ::dlclose(handle);
  return found ? std::string(", ") + where.dli_fname : "";
}

std::string_view describe(ir::Family family) {
  static constexpr std::string_view kNames[] = {
      "unary",      "binary", "compare",     "ternary",  "classify", "select",
      "convert",    "source", "view",        "movement", "reduce",   "arg_reduce",
      "cumulative", "window", "contraction", "sorting",  "control"};
  return kNames[static_cast<std::size_t>(family)];
}

std::string attributes_of(const ir::OpInfo& info) {
  std::string s;
  for (const ir::AttrSpec& spec : info.attributes) {
    s += s.empty() ? "" : ", ";
    s += ir::name(spec.attr);
    if (spec.optional) s += "?";
  }
  return s;
}

Status info(bool json) {
  auto engine = runtime::Engine::Create();
  if (!engine.ok()) return engine.status();
  nlohmann::ordered_json j;
  j["leat"] = LEAT_VERSION;
  j["workers"] = (*engine)->workers();
  j["code generator"] = compiler::describe_code_generator();
  j["contractions"] = runtime::cpu::describe_contraction_library() + path_of("libdnnl.so.2", "dnnl_version");
  j["CUDA driver"] = runtime::cuda::describe_driver();
  for (const std::string& gpu : runtime::cuda::describe_gpus()) j[gpu.substr(0, 5)] = gpu.substr(7);
  j["nvJitLink"] = runtime::cuda::describe_jit_linker();
  j["cuBLASLt"] = runtime::cuda::describe_cublas_lt();
  j["profiler ranges"] = runtime::ProfilerRanges::Describe();
  if (json) {
    std::printf("%s\n", j.dump(2).c_str());
    return {};
  }
  for (const auto& [key, value] : j.items()) {
    std::printf("%-16s %s\n", key.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  return {};
}

Status list_ops(const std::string& pattern, bool json) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const ir::OpInfo& info : ir::all_ops()) {
    if (info.name.find(pattern) == std::string_view::npos) continue;
    if (json) {
      all.push_back({{"name", info.name},
                     {"family", describe(info.family)},
                     {"types", ir::describe(info.types)},
                     {"attributes", attributes_of(info)},
                     {"summary", info.summary}});
      continue;
    }
    const std::string attributes = attributes_of(info);
    std::printf("%-20s %-11s %s%s%s%s\n", std::string(info.name).c_str(),
                std::string(describe(info.family)).c_str(), std::string(info.summary).c_str(),
                attributes.empty() ? "" : " {", attributes.c_str(), attributes.empty() ? "" : "}");
  }
  if (json) std::printf("%s\n", all.dump(2).c_str());
  return {};
}

}  // namespace

void add_info_command(CLI::App& app, Status* status) {
  const auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("info", "the machine, the libraries, and why one is absent");
  command->add_flag("--json", *json, "for programs to read");
  command->footer("Example: leat info");
  command->callback([json, status] { *status = info(*json); });
}

void add_ops_command(CLI::App& app, Status* status) {
  struct Options {
    std::string pattern;
    bool json = false;
  };
  const auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("ops", "the op table");
  command->add_option("pattern", o->pattern, "only ops whose name contains this");
  command->add_flag("--json", o->json, "for programs to read");
  command->footer("Example: leat ops reduce");
  command->callback([o, status] { *status = list_ops(o->pattern, o->json); });
}

}  // namespace leat::tool
