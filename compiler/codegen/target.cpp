#include "compiler/codegen/target.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <vector>

namespace leat::compiler::codegen {

std::string CodeTarget::key() const {
  return triple + " " + cpu + " " + std::to_string(vector_bits) + " bits " + features;
}

CodeTarget host_target(int vector_bits) {
  CodeTarget target;
  target.triple = llvm::sys::getProcessTriple();
  target.cpu = llvm::sys::getHostCPUName().str();
  const auto has = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> features;
  for (const auto& entry : has) {
    features.push_back((entry.getValue() ? "+" : "-") + entry.getKey().str());
  }
  std::sort(features.begin(), features.end());
  for (const std::string& feature : features) {
    if (!target.features.empty()) target.features += ',';
    target.features += feature;
  }
  const bool avx2 = has.lookup("avx") && has.lookup("avx2");
  const bool avx512 =
      has.lookup("avx512f") && has.lookup("avx512bw") && has.lookup("avx512dq") && has.lookup("avx512vl");
  if (vector_bits != 128 && vector_bits != 256 && vector_bits != 512)
    vector_bits = avx512 ? 512 : avx2 ? 256 : 128;
  target.vector_bits = vector_bits;
  target.masked_bytes = avx512 ? 1 : avx2 ? 4 : 16;
  target.hardware_fma = has.lookup("fma") || has.lookup("neon");
  target.hardware_f16 = has.lookup("f16c") || has.lookup("fullfp16");
  target.hardware_scale = avx512;
  return target;
}

std::string llvm_version() { return LLVM_VERSION_STRING; }

}  // namespace leat::compiler::codegen
