#include "runtime/cpu/blocked_panels.h"

#include <algorithm>

#include "ir/extents.h"

namespace leat::runtime::cpu {

std::vector<PositionRun> BlockedDimension::Runs() const {
  std::vector<PositionRun> runs;
  for (std::int64_t o = 0; o < output; ++o) {
    std::int64_t first = 0, last = kernel;
    while (first < last && Place(o, first) < 0) ++first;
    while (first < last && Place(o, last - 1) >= input) --last;
    if (!runs.empty() && runs.back().first == first && runs.back().last == last) {
      runs.back().end = o + 1;
    } else {
      runs.push_back({o, o + 1, first, last});
    }
  }
  return runs;
}

std::array<BlockedDimension, 2> blocked_dimensions(const ConvolutionDescriptor& d) {
  std::array<BlockedDimension, 2> dims;
  const std::size_t rank = d.input.size();
  for (std::size_t i = 0; i < rank; ++i) {
    dims[i + 2 - rank] = {d.input[i], d.kernel[i], d.output[i], d.strides[i], d.low[i], d.dilation[i]};
  }
  if (dims[0].IsWhole() && dims[1].IsWhole()) {
    dims[1].input = dims[1].output = dims[0].input * dims[1].input;
    dims[0].input = dims[0].output = 1;
  }
  return dims;
}

// A panel is worth about 12 us. What it reads of x stays in the L2 cache, and
// so does what it writes for the blocks of a tile. The first tile of a part brings the weights from afar,
// and others follow.
PanelCut cut_panels(const ConvolutionDescriptor& d, const std::array<BlockedDimension, 2>& dims,
                    const BlockedKernel& kernel) {
  constexpr std::int64_t kMostPanels = 64, kSourceBytes = 192 << 10, kResultBytes = 128 << 10, kTile = 12,
                         kLeastPositions = 48;
  constexpr double kPanelMultiplications = 5e5, kPanelBytes = 128 << 10;
  const bool depthwise = d.groups > 1, lines = dims[0].output > 1;
  const std::int64_t all = ir::ceil_div(d.out_channels, kernel.lanes),
                     together = depthwise ? 1 : BlockedKernel::kMostBlocks;
  const std::int64_t inputs = ir::product(d.input) * 4, outputs = ir::product(d.output) * 4;  // bytes
  const double images = static_cast<double>(d.batch * d.out_channels);
  const double work = images * static_cast<double>(ir::product(d.output)) *
                      static_cast<double>(d.channels / d.groups * ir::product(d.kernel));
  const double units =
      depthwise ? images * static_cast<double>(inputs + outputs) / kPanelBytes : work / kPanelMultiplications;
  const auto wanted = static_cast<std::int64_t>(std::clamp(units, 1.0, 1.0 * kMostPanels));
  const std::int64_t per_image = ir::ceil_div(wanted, d.batch);
  const std::int64_t extent = lines ? dims[0].output : dims[1].output;
  PanelCut cut;
  const auto cut_positions = [&](std::int64_t parts) {
    const std::int64_t most = std::max<std::int64_t>(1, outputs / 4 / kLeastPositions);
    cut.extent = ir::ceil_div(extent, std::clamp<std::int64_t>(parts, 1, std::min(most, extent)));
    if (!lines) cut.extent = ir::ceil_div(cut.extent, kTile) * kTile;
    cut.parts = ir::ceil_div(extent, cut.extent);
  };
  cut_positions(std::max(ir::ceil_div(outputs * kernel.lanes * std::min(all, together), kResultBytes),
                         ir::ceil_div(inputs * (depthwise ? kernel.lanes : d.channels), kSourceBytes)));
  const std::int64_t groups = std::min(ir::ceil_div(all, together), ir::ceil_div(per_image, cut.parts));
  cut.blocks = std::min(all, ir::ceil_div(ir::ceil_div(all, groups), together) * together);
  // Groups of several images are of one size, so that an epilogue can follow.
  if (d.batch > 1 && d.out_channels % (cut.blocks * kernel.lanes) != 0) cut.blocks = all;
  cut.groups = ir::ceil_div(all, cut.blocks);
  if (cut.groups * cut.parts < per_image) cut_positions(ir::ceil_div(per_image, cut.groups));
  return cut;
}

}  // namespace leat::runtime::cpu
