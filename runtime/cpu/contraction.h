// Contractions and convolutions on the CPU, behind one adapter.
//
// plan_matmul and plan_convolution choose an engine (oneDNN, our own micro-kernel, or our tiles on blocked
// arrays) and a panel grid from shape, dtype and instruction set only, never from timing or thread count, and
// return an immutable plan that any number of threads execute panel by panel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "leat/dtype.h"
#include "leat/status.h"
#include "runtime/program/program.h"

namespace leat::runtime::cpu {

/// out[b,m,n] = sum_k x[b,m,k] * y[b,k,n], out dense row-major. Strides are in elements, so that
/// transposes and batches of any layout need no copy; a batch stride of 0 repeats an operand.
struct MatmulDescriptor {
  DType dtype = DType::f32;  // of operands and result
  std::int64_t batch = 1, m = 0, n = 0, k = 0;
  std::int64_t x_batch_stride = 0, x_m_stride = 0, x_k_stride = 1;
  std::int64_t y_batch_stride = 0, y_k_stride = 0, y_n_stride = 1;
  bool y_is_constant = false;  // may be packed once and kept by the plan
  /// Sequential-K fma from +0, bit-equal to the interpreter, whatever the shape.
  bool exact = false;
};

/// x [n,c,spatial...], w [o,c/groups,spatial...], out [n,o,spatial...]; 1 to 3 spatial dimensions. All are
/// dense, but x and out may be blocked by channels: [n,c/block,spatial...,block], as ir/layout.h says.
struct ConvolutionDescriptor {
  DType dtype = DType::f32;
  std::int64_t batch = 1, channels = 1, out_channels = 1, groups = 1;
  std::vector<std::int64_t> input, kernel, output;  // spatial extents
  std::vector<std::int64_t> strides, low, high, input_dilation, dilation;
  bool w_is_constant = false;
  bool exact = false;
  /// The channels of a block, of which all are whole; 0: dense.
  std::int64_t x_block = 0, out_block = 0;
};

/// The layouts in which a convolution is fastest.
struct ConvolutionLayouts {
  std::int64_t block = 0;       // channels of a block; 0: dense arrays only
  bool x = false, out = false;  // which of them may be blocked
  bool wanted = false;          // they should be: dense ones would be reordered inside
  std::int64_t x_reorders = 1;  // how many panels would each reorder a dense x
};

/// A step body with its split: units are panels. Its uses: x, y (or w), out; then, when scratch_bytes is not
/// 0, a temporary buffer of that size (declared as written).
struct ContractionPlan {
  std::shared_ptr<const StepBody> body;
  std::int64_t units = 1;
  std::int64_t scratch_bytes = 0;
  double cost_ns = 0;  // on one worker
  std::string engine;  // "onednn", "micro_kernel", "tiles"
  /// Panel u writes rows [rows_per_unit * u, rows_per_unit * (u + 1)) of out, counted over batch * m, so that
  /// an epilogue can follow panel by panel; 0 where panels are not blocks of whole rows. Of a convolution,
  /// rows are the planes of its channels, or of its blocks of channels.
  std::int64_t rows_per_unit = 0;
  /// Where panels are parts of rows: panel u is part u % row_parts of the rows above of u / row_parts,
  /// elements [part_elements * part, part_elements * (part + 1)) of each.
  std::int64_t row_parts = 1, part_elements = 0;
  /// A step before the body, or null: packs an operand for all panels into a temporary buffer of
  /// packed_bytes. Its uses: that operand of the body's uses (0: x, 1: y), and the buffer (written). The body
  /// reads the buffer as its fourth use.
  std::shared_ptr<const StepBody> pack;
  std::size_t pack_operand = 1;
  std::int64_t pack_units = 1, packed_bytes = 0;
  double pack_cost_ns = 0;
};

/// The body of every plan of plan_matmul.
class MatmulStep : public StepBody {
 public:
  explicit MatmulStep(const MatmulDescriptor& d) : d_(d) {}
  const MatmulDescriptor& descriptor() const { return d_; }

 protected:
  const MatmulDescriptor d_;
};

StatusOr<ContractionPlan> plan_matmul(const MatmulDescriptor& descriptor);
/// unimplemented where the descriptor asks for blocks that no engine takes.
StatusOr<ContractionPlan> plan_convolution(const ConvolutionDescriptor& descriptor);

/// A function of the descriptor (its blocks left aside) and the instruction set. Exact convolutions are
/// dense.
ConvolutionLayouts preferred_layouts(const ConvolutionDescriptor& descriptor);

/// The library behind it, for `leat info`: "oneDNN 2.6.3".
std::string describe_contraction_library();

}  // namespace leat::runtime::cpu
