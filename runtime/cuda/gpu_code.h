// The code of a kernel for GPUs of one architecture: what a driver loads. Made above (compiler/code_cache.h),
// shared by every step that launches it; immutable.
#pragma once

#include <string>
#include <utility>

#include "ir/kernel.h"
#include "runtime/cuda/kernel_parameters.h"

namespace leat::runtime::cuda {

class GpuCode {
 public:
  enum class Order : std::uint8_t { kernel, pairwise };  // pairwise: the last step of a split reduction
  GpuCode(ir::Kernel kernel, Order order, std::string image)
      : kernel_(std::move(kernel)), order_(order), image_(std::move(image)), layout_(kernel_) {}
  const ir::Kernel& kernel() const { return kernel_; }
  Order order() const { return order_; }
  /// PTX, or a cubin; the entry is kEntryName.
  const std::string& image() const { return image_; }
  const ParameterLayout& layout() const { return layout_; }

 private:
  ir::Kernel kernel_;
  Order order_;
  std::string image_;
  ParameterLayout layout_;
};

}  // namespace leat::runtime::cuda
