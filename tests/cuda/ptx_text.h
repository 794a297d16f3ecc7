// What tests say about PTX: whether its arithmetic rounds as IEEE 754 says, and whether NVIDIA's assembler
// takes it.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/jit_link.h"

namespace leat::emulator {

/// Complaints about arithmetic that rounds other than IEEE 754 says, one a line.
inline std::string inexact_lines(const std::string& ptx) {
  static const std::regex arithmetic(
      R"(^\s*(?:@!?%p\d+\s+)?(add|sub|mul|div|sqrt|fma|mad|rcp)((?:\.\w+)*)\.(f16|f16x2|bf16|f32|f64)\s)");
  std::string bad;
  std::size_t begin = 0;
  while (begin < ptx.size()) {
    const std::size_t end = ptx.find('\n', begin);
    const std::string line = ptx.substr(begin, end - begin);
    begin = end == std::string::npos ? ptx.size() : end + 1;
    std::smatch match;
    const bool loose =
        std::regex_search(line, match, arithmetic) && match[2].str().find(".rn") == std::string::npos;
    if (loose || line.find(".approx") != std::string::npos || line.find(".ftz") != std::string::npos ||
        line.find("call") != std::string::npos) {
      bad += line + "\n";
    }
  }
  return bad;
}

/// The assembler: $LEAT_PTXAS, the PATH, CUDA's folder, or where tools/setup puts one.
inline std::string find_ptxas() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  std::vector<std::string> places = {variable("LEAT_PTXAS")};
  std::string path = variable("PATH") + ":/usr/local/cuda/bin:" + variable("HOME") + "/.cache/leat/ptxas";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    places.push_back(path.substr(begin, end - begin) + "/ptxas");
    begin = end + 1;
  }
  for (const std::string& place : places) {
    if (!place.empty() && access(place.c_str(), X_OK) == 0) return place;
  }
  return "";
}

/// Runs the assembler in a folder of its own.
class Assembler {
 public:
  static constexpr char kMissing[] =
      "no ptxas in $LEAT_PTXAS, the PATH, /usr/local/cuda/bin or ~/.cache/leat/ptxas: tools/setup installs "
      "one";

  Assembler()
      : ptxas_(find_ptxas()),
        folder_(std::filesystem::temp_directory_path() / ("leat_ptx_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  Assembler(const Assembler&) = delete;
  ~Assembler() { std::filesystem::remove_all(folder_); }
  bool found() const { return !ptxas_.empty(); }
  /// What it says against `ptx`, or "". REQUIRES: found().
  std::string Complaint(const std::string& ptx, std::string_view arch) const {
    const std::string file = (folder_ / "kernel.ptx").string(), log = (folder_ / "log").string();
    std::ofstream(file) << ptx;
    const std::string command = ptxas_ + " -arch=" + std::string(arch) + " -o " +
                                (folder_ / "kernel.cubin").string() + " " + file + " > " + log + " 2>&1";
    const int code = std::system(command.c_str());
    std::ifstream stream(log);
    const std::string said((std::istreambuf_iterator<char>(stream)), {});
    return code == 0 ? "" : "ptxas: " + said;
  }

 private:
  const std::string ptxas_;
  const std::filesystem::path folder_;
};

/// NVIDIA's nvJitLink on this machine, where it is: it needs no GPU. Its words against `ptx`, or "".
class Linker {
 public:
  bool found() const { return linker_.ok(); }
  std::string missing() const { return "no nvJitLink: " + linker_.status().message(); }
  /// REQUIRES: found().
  std::string Complaint(const std::string& ptx, std::string_view arch) const {
    const StatusOr<std::string> cubin = (*linker_)->Link(ptx, arch);
    if (!cubin.ok()) return cubin.status().message();
    return cubin->starts_with(
               "\x7f"
               "ELF")
               ? ""
               : "what nvJitLink made is no cubin";
  }

 private:
  const StatusOr<std::shared_ptr<const runtime::cuda::JitLinker>> linker_ = runtime::cuda::JitLinker::Open();
};

}  // namespace leat::emulator
