// How a convolution on blocked arrays is cut: its two dimensions, the runs of positions at which the same
// kernel positions are present, and the panels.
//
// Functions of the shape only.
#pragma once

#include <array>
#include <vector>

#include "runtime/cpu/blocked_kernel.h"
#include "runtime/cpu/contraction.h"

namespace leat::runtime::cpu {

/// Output positions [begin, end) of one dimension, at all of which the kernel positions [first, last) are
/// present, and no others.
struct PositionRun {
  std::int64_t begin, end, first, last;
};

struct BlockedDimension {
  std::int64_t input = 1, kernel = 1, output = 1, stride = 1, low = 0, dilation = 1;

  bool IsWhole() const { return kernel == 1 && stride == 1 && low == 0 && output == input; }
  std::int64_t Place(std::int64_t position, std::int64_t tap) const {
    return position * stride - low + tap * dilation;
  }
  std::vector<PositionRun> Runs() const;
};

/// Rows and columns; a plane of which every position is read once, at its place, is one row.
std::array<BlockedDimension, 2> blocked_dimensions(const ConvolutionDescriptor& d);

/// Panels: of each image the blocks of output channels in groups, and the positions in parts.
struct PanelCut {
  std::int64_t blocks = 1, groups = 1;  // of a group; how many
  std::int64_t extent = 1, parts = 1;   // rows of a part, or columns where there is one row
};

PanelCut cut_panels(const ConvolutionDescriptor& d, const std::array<BlockedDimension, 2>& dims,
                    const BlockedKernel& kernel);

}  // namespace leat::runtime::cpu
