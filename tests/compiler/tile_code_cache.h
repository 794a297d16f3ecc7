// A CodeCache with no machine code: every kernel stays on the tile tier.
#pragma once

#include <map>

#include "compiler/code_cache.h"

namespace leat::testing {

class TileCodeCache : public compiler::CodeCache {
 public:
  std::shared_ptr<runtime::KernelCode> Get(const ir::Kernel& kernel) override {
    std::shared_ptr<runtime::KernelCode>& code = codes_[ir::print(kernel)];
    if (!code) code = std::make_shared<runtime::KernelCode>(kernel);
    return code;
  }
  StatusOr<compiler::GpuKernel> GetGpu(const ir::Kernel&, std::span<const std::int64_t>,
                                       const runtime::cuda::GpuDescription&) override {
    return Status(Code::unimplemented, "tiles only");
  }
  StatusOr<compiler::GpuKernel> GetGpuPairwise(ir::Op, DType, std::int64_t, std::int64_t,
                                               const runtime::cuda::GpuDescription&) override {
    return Status(Code::unimplemented, "tiles only");
  }
  StatusOr<std::shared_ptr<const runtime::cuda::GpuCode>> GetGpuOp(
      const runtime::cuda::OpKernel&, const runtime::cuda::GpuDescription&) override {
    return Status(Code::unimplemented, "tiles only");
  }
  void Compile(const std::shared_ptr<runtime::KernelCode>&) override {}
  Status CompileNow(const std::shared_ptr<runtime::KernelCode>&) override { return {}; }
  compiler::CodeStats stats() const override { return {}; }
  StatusOr<std::string> LlvmText(const ir::Kernel&) override {
    return Status(Code::unimplemented, "tiles only");
  }
  StatusOr<std::string> AssemblyText(const ir::Kernel&) override {
    return Status(Code::unimplemented, "tiles only");
  }

 private:
  std::map<std::string, std::shared_ptr<runtime::KernelCode>> codes_;
};

}  // namespace leat::testing
