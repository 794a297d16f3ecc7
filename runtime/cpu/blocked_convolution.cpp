// Convolutions on arrays blocked by channels, on the tiles of blocked_kernel.h: the bits are the
// interpreter's. One of x and the result may be dense; a dense result is transposed from scratch, block by
// block.
//
// A panel is a part of the positions of some blocks of output channels. In it, weights are taken a few blocks
// and channels at a time, so that they stay in the L1 cache while the tiles walk over the positions.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "ir/extents.h"
#include "ir/text_form.h"
#include "runtime/cpu/blocked_kernel.h"
#include "runtime/cpu/blocked_panels.h"
#include "runtime/cpu/exact_engine.h"
#include "runtime/cpu/packed_constant.h"
#include "runtime/cpu/tile_epilogue.h"

namespace leat::runtime::cpu {
namespace {

constexpr int kMostBlocks = BlockedKernel::kMostBlocks;
constexpr std::int64_t kCacheLine = 64;
constexpr std::int64_t kChunkWeights = (24 << 10) / 4;  // of a few blocks and channels: in the L1 cache

class BlockedConvolution final : public TiledConvolution {
 public:
  BlockedConvolution(const ConvolutionDescriptor& d, const BlockedKernel& kernel, Isa isa,
                     std::optional<TileEpilogue> epilogue = std::nullopt)
      : d_(d),
        kernel_(kernel),
        isa_(isa),
        epilogue_(epilogue),
        dims_(blocked_dimensions(d)),
        cut_(cut_panels(d, dims_, kernel)) {
    for (std::size_t i = 0; i < 2; ++i) runs_[i] = dims_[i].Runs();
    depthwise_ = d.groups > 1;
    taps_ = dims_[0].kernel * dims_[1].kernel;
    channels_ = depthwise_ ? 1 : d.channels;  // that a sum goes over
    in_plane_ = dims_[0].input * dims_[1].input;
    out_plane_ = dims_[0].output * dims_[1].output;
    blocks_ = ir::ceil_div(d.out_channels, kernel.lanes);
    // Small planes one after another in one go, as long as they stay in the L1 cache.
    constexpr std::int64_t kPlanesBytes = 24 << 10;
    const std::int64_t planes = (in_plane_ + out_plane_) * kernel.lanes * 4;
    together_ = depthwise_ ? std::max<std::int64_t>(1, kPlanesBytes / planes) : kMostBlocks;
  }

  const ConvolutionDescriptor& descriptor() const override { return d_; }
  std::shared_ptr<const StepBody> With(const TileEpilogue& epilogue) const override {
    return std::make_shared<BlockedConvolution>(d_, kernel_, isa_, epilogue);
  }

  const PanelCut& cut() const { return cut_; }
  std::int64_t units() const { return d_.batch * cut_.groups * cut_.parts; }
  /// Of a row of the result: of the plane of a channel, or of a block of them.
  std::int64_t part_elements() const {
    return cut_.extent * (dims_[0].output > 1 ? dims_[1].output : 1) *
           std::max<std::int64_t>(1, d_.out_block);
  }
  std::int64_t rows_per_unit() const {
    if (d_.out_block > 0) return cut_.blocks;
    return std::min(cut_.blocks * kernel_.lanes, d_.out_channels);
  }

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    try {
      const PackedConstant::Use packed =
          d_.w_is_constant ? Packed(static_cast<const float*>(context.pointers[1])) : PackedConstant::Use();
      for (std::int64_t u = begin; u < end; ++u) {
        if (context.stopping()) return Status(Code::cancelled, "the run was stopped during a convolution");
        Panel(context, reinterpret_cast<const float*>(packed.data()), u);
      }
    } catch (const std::bad_alloc&) {
      return Status(Code::resource_exhausted, "no memory for the weights of a convolution");
    }
    return {};
  }

  std::string_view kind() const override { return "convolution"; }
  bool ReadsUnaligned(std::size_t read) const override { return read == 1; }  // Pack does
  std::string ToString() const override {
    return "convolution f32 batch=" + std::to_string(d_.batch) + " tiles(" + std::string(name(isa_)) +
           ") groups=" + std::to_string(cut_.groups) + " parts=" + std::to_string(cut_.parts) +
           (d_.w_is_constant ? " packed" : "") +
           (d_.x_block > 0 ? " x=" + std::to_string(d_.x_block) + "c" : " x=dense") +
           (d_.out_block > 0 ? " out=" + std::to_string(d_.out_block) + "c" : " out=dense") +
           (epilogue_ ? " then " + epilogue_->ToString() : "");
  }

 private:
  /// The positions of a panel.
  struct Region {
    std::int64_t begin[2], end[2];
    std::int64_t first_out = 0;  // the position that stands first in BlockedTiles::out
  };
  /// Where a panel packs weights that are not packed yet, and where a result is that is to be dense.
  struct Scratch {
    float *weights = nullptr, *result = nullptr;
  };

  void Panel(StepContext& context, const float* packed, std::int64_t u) const {
    const std::int64_t part = u % cut_.parts, group = u / cut_.parts % cut_.groups;
    const std::int64_t image = u / cut_.parts / cut_.groups, cut_dim = dims_[0].output > 1 ? 0 : 1;
    Region region{{0, 0}, {dims_[0].output, dims_[1].output}};
    region.begin[cut_dim] = part * cut_.extent;
    region.end[cut_dim] = std::min(region.end[cut_dim], region.begin[cut_dim] + cut_.extent);
    const auto* x = static_cast<const float*>(context.pointers[0]) + image * d_.channels * in_plane_;
    const auto* w = static_cast<const float*>(context.pointers[1]);
    auto* out = static_cast<float*>(context.pointers[2]) + image * d_.out_channels * out_plane_;
    const std::int64_t first = region.begin[0] * dims_[1].output + region.begin[1];
    const std::int64_t positions = (region.end[0] - region.begin[0]) * (region.end[1] - region.begin[1]);
    const std::int64_t weights = packed != nullptr ? 0 : MostWeights();
    const std::int64_t results = d_.out_block > 0 ? 0 : together_ * kernel_.lanes * positions;
    Scratch scratch;
    if (weights + results > 0) {
      scratch.weights = reinterpret_cast<float*>(thread_scratch((weights + results) * 4));
      scratch.result = scratch.weights + weights;
    }
    if (results > 0) region.first_out = first;
    BlockedTiles t;
    t.x_column = dims_[1].dilation * Position();
    t.x_row = dims_[0].dilation * dims_[1].input * Position();
    t.out_block = (results > 0 ? positions : out_plane_) * kernel_.lanes;
    const TileFinish finish = FinishOf(context, image, out);
    const std::int64_t last = std::min((group + 1) * cut_.blocks, blocks_);
    for (std::int64_t block = group * cut_.blocks; block < last; block += together_) {
      const std::int64_t count = std::min(together_, last - block);
      t.finish = finish;
      t.finish.channel += block * finish.channel_step;
      t.finish.array_channel += block * finish.array_channel_step;
      t.out = results > 0 ? scratch.result : out + block * t.out_block;
      t.x = x + (depthwise_ ? block * in_plane_ * kernel_.lanes : 0);
      const float* of_block = packed == nullptr ? nullptr : packed + block * WeightsOfBlock();
      if (depthwise_) {
        if (of_block == nullptr) of_block = Pack(w, block, count, 0, 1, scratch.weights);
        Channelwise(t, of_block, count, region);
      } else {
        Sums(t, w, of_block, scratch.weights, block, count, region);
      }
      for (std::int64_t b = 0; b < count && results > 0; ++b) {
        kernel_.transpose(
            reinterpret_cast<const std::uint32_t*>(scratch.result + b * t.out_block), kernel_.lanes,
            positions, Present(block + b),
            reinterpret_cast<std::uint32_t*>(out + (block + b) * kernel_.lanes * out_plane_ + first),
            out_plane_);
      }
    }
  }

  /// For the first block of an image.
  TileFinish FinishOf(const StepContext& context, std::int64_t image, const float* out) const {
    static constexpr auto kNothing = [] {  // as many as a block of any instruction set
      std::array<float, 16> zeros{};
      zeros.fill(-0.0f);
      return zeros;
    }();
    TileFinish f;
    if (!epilogue_) return f;
    f.channel = f.array_channel = kNothing.data();
    std::size_t use = 3;
    const auto next = [&] { return static_cast<const float*>(context.pointers[use++]); };
    if (epilogue_->channel) {
      f.channel = next();
      f.channel_step = epilogue_->channel->block_step;
    }
    if (epilogue_->array) {
      f.array = next() + image * d_.out_channels * out_plane_;
      f.out_origin = out;
    }
    if (epilogue_->array_channel) {
      f.array_channel = next();
      f.array_channel_step = epilogue_->array_channel->block_step;
    }
    if (epilogue_->low) f.low = *epilogue_->low;
    if (f.low == 0 && !std::signbit(f.low)) f.plus = 0;
    if (epilogue_->high) f.high = *epilogue_->high;
    return f;
  }

  void Channelwise(BlockedTiles t, const float* packed, std::int64_t count, const Region& region) const {
    t.outer = count;
    t.x_outer = in_plane_ * kernel_.lanes;
    t.w_row = dims_[1].kernel * kernel_.lanes;
    t.w_channel = WeightsOfBlock();
    t.w = packed;
    Tiles(t, 1, region, End());
  }

  void Sums(BlockedTiles t, const float* w, const float* packed, float* scratch, std::int64_t block,
            std::int64_t count, const Region& region) const {
    t.w_row = dims_[1].kernel * count * kernel_.lanes;
    t.w_channel = taps_ * count * kernel_.lanes;
    t.inner = d_.x_block > 0 ? kernel_.lanes : 1;
    t.x_inner = 1;
    t.x_outer = in_plane_ * t.inner;
    const std::int64_t chunk = ChannelsOfChunk(t.w_channel);
    // Where few tiles share the weights, the next ones come while these are multiplied.
    const std::int64_t positions = (region.end[0] - region.begin[0]) * (region.end[1] - region.begin[1]);
    const std::int64_t tiles = ir::ceil_div(positions, kernel_.positions[count - 1]);
    for (std::int64_t c = 0; c < channels_; c += chunk) {
      const std::int64_t channels = std::min(chunk, channels_ - c);
      t.outer = channels / t.inner;
      t.resume = c > 0;
      t.w = packed != nullptr ? packed + c * t.w_channel : Pack(w, block, count, c, channels, scratch);
      if (packed != nullptr) {
        const std::int64_t weights = channels * t.w_channel, rounds = Rounds(t);
        t.ahead = reinterpret_cast<std::uintptr_t>(t.w) + static_cast<std::uintptr_t>(weights * 4);
        t.lines_ahead = (weights * 4 / kCacheLine + tiles * rounds / 2) / (tiles * rounds);
      }
      Tiles(t, static_cast<std::size_t>(count), region, c + channels == channels_ ? End() : TileEnd::sums);
      t.x += t.outer * t.x_outer;
    }
  }

  /// So many that their weights stay in the L1 cache, in whole blocks.
  std::int64_t ChannelsOfChunk(std::int64_t w_channel) const {
    return std::max<std::int64_t>(1, kChunkWeights / w_channel / kernel_.lanes) * kernel_.lanes;
  }
  /// That are packed at once.
  std::int64_t MostWeights() const {
    if (depthwise_) return together_ * WeightsOfBlock();
    return std::max(kChunkWeights, kernel_.lanes * taps_ * kMostBlocks * kernel_.lanes);
  }

  /// Of the last sums.
  TileEnd End() const {
    if (!epilogue_) return TileEnd::sums;
    return epilogue_->array ? TileEnd::finished_with_array : TileEnd::finished;
  }
  const BlockedKernel::Row& FunctionsOf(const BlockedTiles& t, std::size_t blocks, TileEnd end) const {
    const BlockedKernel::Functions& f = kernel_.functions[static_cast<std::size_t>(end)];
    if (depthwise_) return t.columns == 3 ? f.depthwise_three : f.depthwise_many;
    if (taps_ == 1 && t.rows == 1 && t.columns == 1) return f.one[blocks - 1];
    return t.columns == 3 ? f.three[blocks - 1] : f.many[blocks - 1];
  }

  void Tiles(BlockedTiles t, std::size_t blocks, const Region& region, TileEnd end) const {
    const float *const x = t.x, *const w = t.w;
    float* const out = t.out;
    const std::int64_t most = depthwise_ ? kernel_.depthwise_positions : kernel_.positions[blocks - 1];
    const std::int64_t x_pitch = dims_[1].input * Position(), out_pitch = dims_[1].output * kernel_.lanes;
    for (const PositionRun& rows : runs_[0]) {
      for (const PositionRun& columns : runs_[1]) {
        const std::int64_t row = std::max(rows.begin, region.begin[0]);
        const std::int64_t column = std::max(columns.begin, region.begin[1]);
        const std::int64_t height = std::min(rows.end, region.end[0]) - row;
        const std::int64_t width = std::min(columns.end, region.end[1]) - column;
        if (height <= 0 || width <= 0) continue;
        t.rows = rows.last - rows.first;
        t.columns = columns.last - columns.first;
        t.w = w + (rows.first * dims_[1].kernel + columns.first) * static_cast<std::int64_t>(blocks) *
                      kernel_.lanes;
        t.x = x + dims_[0].Place(row, rows.first) * x_pitch +
              dims_[1].Place(column, columns.first) * Position();
        t.out = out + row * out_pitch + (column - region.first_out) * kernel_.lanes;
        t.x_step = dims_[1].stride * Position();
        t.out_step = kernel_.lanes;
        t.x_line = dims_[0].stride * x_pitch;
        t.out_line = out_pitch;
        const bool across = width >= height;  // along the longer side: at the edges columns are narrow
        if (!across) {
          std::swap(t.x_step, t.x_line);
          std::swap(t.out_step, t.out_line);
        }
        t.lines = across ? height : width;
        RunLines(t, FunctionsOf(t, blocks, end), across ? width : height, most);
      }
    }
  }

  /// In which a tile asks for weights.
  std::int64_t Rounds(const BlockedTiles& t) const { return t.outer * (taps_ == 1 ? 1 : t.inner); }

  /// Tiles of two sizes that differ by one: small ones have too few sums for the latency of an fma.
  void RunLines(BlockedTiles& t, const BlockedKernel::Row& functions, std::int64_t length,
                std::int64_t most) const {
    const std::int64_t rounds = Rounds(t);
    const std::int64_t tiles = ir::ceil_div(length, most), size = ir::ceil_div(length, tiles);
    const auto run = [&](std::int64_t count, std::int64_t positions) {
      t.count = count;
      functions[positions - 1](t);
      t.x += count * positions * t.x_step;
      t.out += count * positions * t.out_step;
      t.ahead += static_cast<std::uintptr_t>(t.lines * count * rounds * t.lines_ahead * kCacheLine);
    };
    const std::int64_t large = length - tiles * (size - 1);
    run(large, size);
    if (large < tiles) run(tiles - large, size - 1);
  }

  /// Elements of x from one position to the next.
  std::int64_t Position() const { return d_.x_block > 0 ? kernel_.lanes : 1; }
  std::int64_t WeightsOfBlock() const { return channels_ * taps_ * kernel_.lanes; }
  /// Channels of a block of a dense result: the last one may have fewer.
  std::int64_t Present(std::int64_t block) const {
    return std::min(kernel_.lanes, d_.out_channels - block * kernel_.lanes);
  }

  /// At `to`: weights of `blocks` blocks from `block` on, of some channels; 0 of output channels that are
  /// absent.
  const float* Pack(const float* w, std::int64_t block, std::int64_t blocks, std::int64_t first_channel,
                    std::int64_t channels, float* to) const {
    // Those of a depthwise convolution stand block after block.
    const std::int64_t together = depthwise_ ? 1 : blocks, of_output = channels_ * taps_;
    const std::int64_t lanes = together * kernel_.lanes;
    float* place = to;
    for (std::int64_t b = 0; b < blocks; b += together) {
      const float* from = w + (block + b) * kernel_.lanes * of_output + first_channel * taps_;
      const std::int64_t present = std::min(lanes, d_.out_channels - (block + b) * kernel_.lanes);
      for (std::int64_t k = 0; k < channels * taps_; ++k, place += lanes) {
        for (std::int64_t lane = 0; lane < present; ++lane) {
          std::memcpy(place + lane, from + lane * of_output + k, sizeof(float));
        }
        std::fill(place + present, place + lanes, 0.0f);
      }
    }
    return to;
  }

  PackedConstant::Use Packed(const float* w) const {
    const std::int64_t bytes = blocks_ * WeightsOfBlock() * 4;
    return constant_.Get(bytes, w, bytes, [&](std::byte* to) {
      for (std::int64_t group = 0; group < cut_.groups; ++group) {
        const std::int64_t last = std::min((group + 1) * cut_.blocks, blocks_);
        for (std::int64_t block = group * cut_.blocks; block < last; block += together_) {
          Pack(w, block, std::min(together_, last - block), 0, channels_,
               reinterpret_cast<float*>(to) + block * WeightsOfBlock());
        }
      }
    });
  }

  const ConvolutionDescriptor d_;
  const BlockedKernel& kernel_;
  const Isa isa_;
  const std::optional<TileEpilogue> epilogue_;
  const std::array<BlockedDimension, 2> dims_;
  const PanelCut cut_;
  std::array<std::vector<PositionRun>, 2> runs_;
  std::int64_t taps_, channels_, in_plane_, out_plane_, blocks_, together_;
  bool depthwise_;
  PackedConstant constant_;
};

bool takes(const ConvolutionDescriptor& d, const BlockedKernel& kernel) {
  const bool depthwise = d.groups > 1;
  bool good = d.dtype == DType::f32 && d.input.size() <= 2 &&
              (d.out_block == 0 || (d.out_block == kernel.lanes && d.out_channels % kernel.lanes == 0)) &&
              (d.x_block > 0 || d.out_block > 0) && (d.x_block == 0 || d.x_block == kernel.lanes) &&
              (d.x_block == 0 || d.channels % kernel.lanes == 0) && d.batch > 0 && d.channels > 0 &&
              d.out_channels > 0 && ir::product(d.input) > 0 && ir::product(d.output) > 0 &&
              ir::product(d.kernel) > 0;
  if (depthwise) good = good && d.groups == d.channels && d.groups == d.out_channels && d.x_block > 0;
  for (const std::int64_t dilation : d.input_dilation) good = good && dilation == 1;
  return good;
}

}  // namespace

std::string TileEpilogue::ToString() const {
  std::string text;
  if (channel) text += " +channel";
  if (array) text += array_channel ? " +(array+channel)" : " +array";
  const auto bound = [&](const char* op, const std::optional<float>& number) {
    if (number) text.append(op).append(ir::format_real(*number));
  };
  bound(" max ", low);
  bound(" min ", high);
  return text.empty() ? text : text.substr(1);
}

const BlockedKernel* blocked_kernel(Isa isa) {
  switch (isa) {
    case Isa::baseline: return nullptr;
    case Isa::avx2: return &blocked_kernel_avx2();
    case Isa::avx512: return &blocked_kernel_avx512();
  }
  __builtin_unreachable();
}

std::optional<ContractionPlan> plan_blocked_convolution(const ConvolutionDescriptor& d, Isa isa) {
  const BlockedKernel* const kernel = blocked_kernel(isa);
  if (kernel == nullptr || !takes(d, *kernel)) return std::nullopt;
  auto body = std::make_shared<BlockedConvolution>(d, *kernel, isa);
  ContractionPlan plan;
  plan.units = body->units();
  plan.engine = "tiles";
  plan.rows_per_unit = body->rows_per_unit();
  plan.row_parts = body->cut().parts;
  plan.part_elements = body->part_elements();
  const double outputs =
      static_cast<double>(d.batch * d.out_channels) * static_cast<double>(ir::product(d.output));
  const double work = outputs * static_cast<double>(d.channels / d.groups * ir::product(d.kernel));
  const double bytes =
      4 * (outputs + static_cast<double>(d.batch * d.channels) * static_cast<double>(ir::product(d.input)));
  const double per_ns = isa == Isa::avx512 ? 75 : 40;  // G multiplications a second: Emerald Rapids, Zen 3
  plan.cost_ns = work / per_ns + bytes / 20;
  plan.body = std::move(body);
  return plan;
}

}  // namespace leat::runtime::cpu
