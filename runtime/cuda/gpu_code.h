// The code of a kernel for GPUs of one architecture: what a driver loads. Made above (compiler/code_cache.h),
// shared by every step that launches it; immutable.
#pragma once

#include <string>
#include <utility>

#include "ir/kernel.h"
#include "runtime/cuda/kernel_parameters.h"
#include "runtime/cuda/op_kernel.h"

namespace leat::runtime::cuda {

class GpuCode {
 public:
  /// pairwise: the last step of a split reduction; op: an op with code of its own.
  enum class Order : std::uint8_t { kernel, pairwise, op };
  GpuCode(ir::Kernel kernel, Order order, std::string image)
      : kernel_(std::move(kernel)), order_(order), image_(std::move(image)), layout_(kernel_) {}
  GpuCode(const OpKernel& op, std::string image)
      : order_(Order::op), image_(std::move(image)), layout_(kernel_), op_(op) {}
  const ir::Kernel& kernel() const { return kernel_; }  // but for an op
  const OpKernel& op() const { return op_; }
  Order order() const { return order_; }
  /// PTX, or a cubin; the entry is kEntryName.
  const std::string& image() const { return image_; }
  const ParameterLayout& layout() const { return layout_; }

 private:
  ir::Kernel kernel_;
  Order order_;
  std::string image_;
  ParameterLayout layout_;
  OpKernel op_;
};

}  // namespace leat::runtime::cuda
