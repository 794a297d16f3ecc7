// A convolution by cuBLASLt: products of the weights with the columns of x, which is what each tap reads for
// each position (im2col), [channels * taps, positions] of each image and group.
//
// The columns stand in scratch memory of the step, of as many images at a time as a limit allows; where each
// tap reads x as it is (1 x 1, no stride, no padding) x itself is the columns. What is read beside x is a
// factor 0 here, not a term that is left out: an infinite weight makes it a NaN. Immutable; any thread.
//
//   auto plan = LtConvolution::Plan(gpu, descriptor, /*tf32=*/false, most_column_bytes);
//   plan->columns();          // the launch whose code make_lt_convolution_step wants, if any
#pragma once

#include <memory>
#include <string>

#include "runtime/cuda/lt_matmul.h"
#include "runtime/cuda/op_kernel.h"

namespace leat::runtime::cuda {

class LtConvolution {
 public:
  /// In f32, f64, f16 or bf16. not_found where the device has no cuBLASLt, unimplemented where this is not
  /// the way to do it, both with the reason. REQUIRES: no extent is 0; dense arrays.
  static StatusOr<std::shared_ptr<const LtConvolution>> Plan(const Gpu& gpu,
                                                             const cpu::ConvolutionDescriptor& descriptor,
                                                             bool tf32, std::int64_t most_column_bytes);

  /// Images at a time, of how many; the last time there may be fewer.
  std::int64_t images() const { return images_; }
  std::int64_t batch() const { return batch_; }
  /// The launch that makes the columns of `count` images; null where x is the columns. Uses: x, columns.
  const OpLaunch* columns(std::int64_t count) const;
  /// The columns, then what the products want; aligned to LtMatmul::kWorkspaceAlignment.
  std::int64_t scratch_bytes() const { return column_bytes_ + workspace_bytes_; }
  std::int64_t x_image_bytes() const { return x_image_bytes_; }

  /// Queues the products of images [first, first + count). `columns`: of these, or x. REQUIRES: a
  /// Gpu::Current of the device of the plan.
  struct Memory {
    const void *w = nullptr, *columns = nullptr;
    void *out = nullptr, *workspace = nullptr;
  };
  Status Run(Gpu& gpu, CuStream stream, const Memory& memory, std::int64_t first, std::int64_t count) const;
  /// Where in the scratch memory the products' workspace is.
  std::int64_t column_bytes() const { return column_bytes_; }
  /// "cuBLASLt f32 2 x [64,576][576,3136] algorithm 24 workspace 0B over im2col of 2 of 32 images 14450688B"
  const std::string& ToString() const { return text_; }

 private:
  LtConvolution() = default;
  std::int64_t batch_ = 1, images_ = 1;
  bool per_image_ = false;         // a product does the groups of an image, not the images of a tile
  OpPlan columns_, last_columns_;  // no launch: x is the columns
  std::shared_ptr<const LtMatmul> product_, last_product_;
  std::int64_t x_image_bytes_ = 0, column_image_bytes_ = 0, out_image_bytes_ = 0;
  std::int64_t column_bytes_ = 0, workspace_bytes_ = 0;
  std::string text_;
};

}  // namespace leat::runtime::cuda
