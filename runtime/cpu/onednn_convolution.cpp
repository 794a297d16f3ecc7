// Convolutions on oneDNN: panels over images, output channels and groups, each a small pipeline.
//
// The library's kernels work on arrays blocked by channels. Where x or the result is dense, each panel
// reorders its part of the image in or out, in cache.
#include <algorithm>
#include <limits>
#include <numeric>

#include "ir/extents.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/onednn_pipeline.h"

namespace leat::runtime::cpu {
namespace {

using Extents = dnnl::memory::dims;

Extents image_extents(std::int64_t images, std::int64_t channels, const std::vector<std::int64_t>& spatial) {
  Extents dims{images, channels};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  return dims;
}

dnnl::memory::desc any_image_desc(std::int64_t images, std::int64_t channels,
                                  const std::vector<std::int64_t>& spatial, dnnl::memory::data_type type) {
  return {image_extents(images, channels, spatial), type, dnnl::memory::format_tag::any};
}

/// The same blocked by channels; images stand one after another.
dnnl::memory::desc blocked_image_desc(std::int64_t images, std::int64_t channels,
                                      const std::vector<std::int64_t>& spatial, std::int64_t block,
                                      dnnl::memory::data_type type) {
  using Tag = dnnl::memory::format_tag;
  constexpr Tag kEights[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  constexpr Tag kSixteens[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  const std::size_t rank = spatial.size() - 1;
  return {image_extents(images, channels, spatial), type, block == 8 ? kEights[rank] : kSixteens[rank]};
}

/// [n, c, spatial...] inside a tensor whose images are `image` elements apart.
dnnl::memory::desc image_desc(std::int64_t images, std::int64_t channels,
                              const std::vector<std::int64_t>& spatial, std::int64_t image,
                              dnnl::memory::data_type type) {
  Extents dims = image_extents(images, channels, spatial), strides(spatial.size() + 2, 1);
  for (std::size_t i = dims.size() - 1; i > 1; --i) strides[i - 1] = strides[i] * dims[i];
  strides[0] = image;
  return {dims, type, strides};
}

/// How the work is cut: a panel is `images` images (run `chunk` at a time) of one part of the channels.
struct ConvolutionCut {
  std::int64_t images = 1, chunk = 1;
  std::int64_t part = 1, parts = 1;  // groups of a part, or output channels where there is one group
};

/// What a panel of `vectors` vectors of output channels costs, in full vectors. The JIT's register tiles on
/// AVX2 are 3 vectors x 4 positions (kernels of one position) or 4 x 3: with fewer vectors there are too few
/// sums in flight for the latency of an fma.
double cost_of_vectors(std::int64_t vectors, const ConvolutionDescriptor& d, Isa isa) {
  const auto v = static_cast<double>(vectors);
  if (isa == Isa::avx512 || d.groups > 1) return v;
  if (ir::product(d.kernel) == 1) return std::max(v, 2.0);
  const std::int64_t rest = vectors % 4;
  return rest == 1 ? v + 1.7 : rest == 2 ? v + 0.7 : v;
}

/// How many groups or output channels a panel has, where `wanted` panels would do: whole vectors, and such
/// that two threads are done first. Three equal panels would leave one of them idle for a third of the time.
std::int64_t channels_of_part(const ConvolutionDescriptor& d, std::int64_t wanted, Isa isa) {
  constexpr std::int64_t kMostSearched = 1 << 16;  // half a million channels; planning 2^31 took a minute
  const std::int64_t all = d.groups > 1 ? d.groups : d.out_channels, vector = isa == Isa::avx512 ? 16 : 8;
  const std::int64_t vectors = ir::ceil_div(all, vector);
  std::int64_t best = vectors;
  double least_time = cost_of_vectors(vectors, d, isa);
  if (wanted <= 1) return all;
  if (vectors > kMostSearched) return ir::ceil_div(vectors, wanted) * vector;
  for (std::int64_t part = ir::ceil_div(vectors, 2); part >= ir::ceil_div(vectors, wanted); --part) {
    const std::int64_t parts = ir::ceil_div(vectors, part), tail = vectors - (parts - 1) * part;
    const double whole = cost_of_vectors(part, d, isa);
    const double time =
        static_cast<double>(parts / 2) * whole + (parts % 2 != 0 ? cost_of_vectors(tail, d, isa) : 0);
    // More panels are better for more threads, and where one comes late.
    if (time <= 1.05 * least_time) {
      least_time = std::min(time, least_time);
      best = part;
    }
  }
  return best * vector;
}

ConvolutionCut cut_convolution(const ConvolutionDescriptor& d, Isa isa) {
  // Images are independent; where there are fewer than 16, output channels are cut too, or groups. A panel is
  // worth about 20 us: a million multiplications, or, of a depthwise convolution, 256 KB in and out.
  constexpr std::int64_t kMostPanels = 64, kEnoughImages = 16;
  constexpr std::int64_t kChunkBytes = 512 << 10;  // of one chunk in and out: half an L2 cache
  constexpr double kPanelMultiplications = 1e6, kPanelBytes = 256 << 10;
  ConvolutionCut cut;
  cut.part = d.groups > 1 ? d.groups : d.out_channels;
  const std::int64_t image_bytes =
      (d.channels * ir::product(d.input) + d.out_channels * ir::product(d.output)) *
      static_cast<std::int64_t>(byte_size(d.dtype));
  const double work = static_cast<double>(d.batch * d.out_channels) *
                      static_cast<double>(ir::product(d.output)) *
                      static_cast<double>(d.channels / d.groups * ir::product(d.kernel));
  const double traffic = d.groups > 1 ? static_cast<double>(d.batch * image_bytes) : 0;
  const auto wanted = static_cast<std::int64_t>(
      std::clamp(std::max(work / kPanelMultiplications, traffic / kPanelBytes), 1.0, 1.0 * kMostPanels));
  cut.images = std::max(ir::ceil_div(d.batch, kMostPanels), ir::ceil_div(d.batch, wanted));
  const std::int64_t all = d.groups > 1 ? d.groups : d.out_channels;
  if (d.batch < kEnoughImages && d.batch < wanted) {
    const std::int64_t parts = std::min(ir::ceil_div(wanted, d.batch), ir::ceil_div(kEnoughImages, d.batch));
    cut.part = channels_of_part(d, parts, isa);
    cut.images = 1;
  }
  cut.part = std::min(cut.part, all);
  cut.parts = ir::ceil_div(all, cut.part);
  cut.chunk = std::clamp<std::int64_t>(kChunkBytes / std::max<std::int64_t>(1, image_bytes), 1, cut.images);
  return cut;
}

/// The pipeline of `images` images and `part` groups (or output channels). Throws dnnl::error.
std::optional<Pipeline> make_pipeline(const ConvolutionDescriptor& d, dnnl::memory::data_type type,
                                      std::int64_t images, std::int64_t part) {
  const bool grouped = d.groups > 1;
  const std::int64_t channels = grouped ? part * (d.channels / d.groups) : d.channels;
  const std::int64_t features = grouped ? part * (d.out_channels / d.groups) : part;
  const auto image = [&](std::int64_t part_channels, std::int64_t all,
                         const std::vector<std::int64_t>& extents, std::int64_t block) {
    return block > 0 ? blocked_image_desc(images, part_channels, extents, block, type)
                     : image_desc(images, part_channels, extents, all * ir::product(extents), type);
  };
  Extents w_dims;
  if (grouped) w_dims.push_back(part);
  w_dims.push_back(features / (grouped ? part : 1));
  w_dims.push_back(d.channels / d.groups);
  w_dims.insert(w_dims.end(), d.kernel.begin(), d.kernel.end());
  Extents w_strides(w_dims.size(), 1);
  for (std::size_t i = w_dims.size() - 1; i > 0; --i) w_strides[i - 1] = w_strides[i] * w_dims[i];
  Extents dilates;
  for (const std::int64_t dilation : d.dilation) dilates.push_back(dilation - 1);

  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  using Primitive = dnnl::convolution_forward::primitive_desc;
  const auto primitive_for = [&](const dnnl::memory::desc& x, const dnnl::memory::desc& out) {
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x,
        {w_dims, type, dnnl::memory::format_tag::any}, out, d.strides, dilates, d.low, d.high);
    return Primitive(desc, attributes, onednn_engine());
  };
  // Left to choose, the library takes kernels on AVX-512 that want channels last; blocks stay as they are
  // where it has kernels for them.
  const auto desc_of = [&](std::int64_t part_channels, const std::vector<std::int64_t>& extents,
                           std::int64_t block) {
    return block > 0 ? blocked_image_desc(images, part_channels, extents, block, type)
                     : any_image_desc(images, part_channels, extents, type);
  };
  const Primitive primitive = [&] {
    try {
      const Primitive given =
          primitive_for(desc_of(channels, d.input, d.x_block), desc_of(features, d.output, d.out_block));
      if (std::string_view(given.impl_info_str()).find("ref") == std::string_view::npos) return given;
    } catch (const dnnl::error&) {  // none at all
    }
    return primitive_for(any_image_desc(images, channels, d.input, type),
                         any_image_desc(images, features, d.output, type));
  }();
  return Pipeline::Make(
      primitive,
      {image(channels, d.channels, d.input, d.x_block), dnnl::memory::desc(w_dims, type, w_strides),
       image(features, d.out_channels, d.output, d.out_block)},
      dnnl::convolution_forward(primitive));
}

class OneDnnConvolution final : public StepBody {
 public:
  /// pipelines: [chunk or its tail][part or its tail], those equal to the former left out at the end.
  OneDnnConvolution(const ConvolutionDescriptor& d, const ConvolutionCut& cut,
                    std::vector<Pipeline> pipelines)
      : d_(d), cut_(cut), pool_(std::move(pipelines)) {
    const std::int64_t all = d.groups > 1 ? d.groups : d.out_channels;
    tail_part_ = all % cut.part;
    part_channels_ = d.groups > 1 ? cut.part * (d.channels / d.groups) : 0;
    part_features_ = d.groups > 1 ? cut.part * (d.out_channels / d.groups) : cut.part;
    element_ = static_cast<std::int64_t>(byte_size(d.dtype));
    weights_part_ = part_features_ * (d.channels / d.groups) * ir::product(d.kernel) * element_;
    packed_part_ = (pool_[0].packed_bytes() + 63) / 64 * 64;
    packs_ = d.w_is_constant;
    for (std::size_t i = 0; i < pool_.size(); ++i) packs_ = packs_ && pool_[i].packs_weights();
  }

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    return with_sessions(pool_, "convolution", [&](SessionPool::Sessions& sessions) -> Status {
      const PackedConstant::Use packed =
          packs_ ? Packed(sessions, context.pointers[1]) : PackedConstant::Use();
      for (std::int64_t u = begin; u < end; ++u) {
        const std::int64_t part = u % cut_.parts, first = u / cut_.parts * cut_.images;
        const std::int64_t last = std::min(first + cut_.images, d_.batch);
        for (std::int64_t image = first; image < last;) {
          if (context.stopping()) return Status(Code::cancelled, "the run was stopped during a convolution");
          const std::int64_t images = last - image < cut_.chunk ? 1 : cut_.chunk;
          Chunk(context, sessions, packed.data(), image, images, part);
          image += images;
        }
      }
      return {};
    });
  }

  std::string_view kind() const override { return "convolution"; }
  std::string ToString() const override {
    return "convolution " + std::string(name(d_.dtype)) + " batch=" + std::to_string(d_.batch) + " onednn(" +
           pool_[0].implementation() + ") images=" + std::to_string(cut_.images) +
           " parts=" + std::to_string(cut_.parts) + (packs_ ? " packed" : "") +
           Describe("x", d_.x_block, kSource) + Describe("out", d_.out_block, kResult);
  }

 private:
  /// Pipelines stand as [chunk][1 image] x [part][tail].
  std::size_t IndexOf(bool single, bool tail) const {
    const std::size_t per_chunk = tail_part_ != 0 ? 2 : 1;
    return (single && cut_.chunk > 1 ? per_chunk : 0) + (tail ? 1 : 0);
  }
  /// " x=8c", " x=dense reordered".
  std::string Describe(const char* name, std::int64_t block, Tensor tensor) const {
    const std::string layout = block > 0 ? std::to_string(block) + "c" : "dense";
    return " " + (name + ("=" + layout)) + (pool_[0].reorders(tensor) ? " reordered" : "");
  }
  bool IsTail(std::int64_t part) const { return tail_part_ != 0 && part == cut_.parts - 1; }

  void Chunk(StepContext& context, SessionPool::Sessions& sessions, const std::byte* packed,
             std::int64_t image, std::int64_t images, std::int64_t part) const {
    const std::size_t i = IndexOf(images == 1, IsTail(part));
    const std::int64_t in = ir::product(d_.input), out = ir::product(d_.output);
    const auto* x = static_cast<const std::byte*>(context.pointers[0]) +
                    (image * d_.channels + part * part_channels_) * in * element_;
    const auto* w = static_cast<const std::byte*>(context.pointers[1]) + part * weights_part_;
    auto* to = static_cast<std::byte*>(context.pointers[2]) +
               (image * d_.out_channels + part * part_features_) * out * element_;
    const bool ready = packed != nullptr;
    pool_[i].Run(sessions[i], x, ready ? packed + part * packed_part_ : w, ready, to);
  }

  PackedConstant::Use Packed(SessionPool::Sessions& sessions, const void* w) const {
    return constant_.Get(
        packed_part_ * cut_.parts, w,
        d_.out_channels * (d_.channels / d_.groups) * ir::product(d_.kernel) * element_, [&](std::byte* to) {
          for (std::int64_t part = 0; part < cut_.parts; ++part) {
            const std::size_t i = IndexOf(false, IsTail(part));
            pool_[i].PackWeights(sessions[i], static_cast<const std::byte*>(w) + part * weights_part_,
                                 to + part * packed_part_);
          }
        });
  }

  const ConvolutionDescriptor d_;
  const ConvolutionCut cut_;
  const SessionPool pool_;
  std::int64_t tail_part_, part_channels_, part_features_, element_, weights_part_, packed_part_;
  bool packs_ = false;
  PackedConstant constant_;
};

bool supported(const ConvolutionDescriptor& d) {
  bool good = d.batch > 0 && d.channels > 0 && d.out_channels > 0 && ir::product(d.input) > 0 &&
              ir::product(d.output) > 0 && ir::product(d.kernel) > 0;
  // The library counts the elements of an image, and what a window spans, in 32 bits; it divides by zero
  // where they do not fit.
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  good = good && d.channels <= kMost / ir::product(d.input) &&
         d.out_channels <= kMost / ir::product(d.output) &&
         d.channels / d.groups <= kMost / ir::product(d.kernel) / d.out_channels;
  for (std::size_t i = 0; i < d.input.size(); ++i) {
    good = good && d.low[i] >= 0 && d.high[i] >= 0 && d.input_dilation[i] == 1 && d.low[i] <= kMost &&
           d.high[i] <= kMost && d.strides[i] <= kMost && d.dilation[i] <= kMost;
  }
  return good;
}

/// On AVX-512 it plans each position of a row of dense arrays: 2 to 12 us and some memory, 88 s and gigabytes
/// for 2^24.
bool plans_for_long(const ConvolutionDescriptor& d, Isa isa) {
  constexpr std::int64_t kMostAcross = 1 << 14;
  return isa == Isa::avx512 && d.x_block == 0 && d.out_block == 0 && d.output.back() > kMostAcross;
}

/// Whether the library has kernels of its own for the dtype.
bool has_kernels(DType dtype, Isa isa) {
  return dtype == DType::f32 ? isa >= Isa::avx2 : dtype == DType::bf16 && isa == Isa::avx512;
}

}  // namespace

ConvolutionLayouts onednn_convolution_layouts(const ConvolutionDescriptor& d, Isa isa) {
  if (!supported(d) || !has_kernels(d.dtype, isa)) return {};
  ConvolutionLayouts layouts;
  layouts.block = isa == Isa::avx512 ? 16 : 8;  // one vector of f32
  const bool depthwise = d.groups == d.channels && d.groups == d.out_channels;
  const auto whole = [&](std::int64_t channels) {  // blocks, none of which crosses groups
    const std::int64_t of_group = depthwise ? channels : channels / d.groups;
    return of_group % layouts.block == 0;
  };
  layouts.x = whole(d.channels) && (d.groups == 1 || whole(d.out_channels));
  layouts.out = whole(d.out_channels) && (d.groups == 1 || whole(d.channels));
  if (!layouts.x && !layouts.out) return {};
  layouts.x_reorders = cut_convolution(d, isa).parts;
  return layouts;
}

std::optional<ContractionPlan> plan_onednn_convolution(const ConvolutionDescriptor& d, Isa isa) {
  const auto type = onednn_type(d.dtype);
  if (!type || !supported(d) || plans_for_long(d, isa) || !has_kernels(d.dtype, isa)) return std::nullopt;
  if (d.x_block > 0 || d.out_block > 0) {
    const ConvolutionLayouts layouts = onednn_convolution_layouts(d, isa);
    if ((d.x_block > 0 && (!layouts.x || d.x_block != layouts.block)) ||
        (d.out_block > 0 && (!layouts.out || d.out_block != layouts.block))) {
      return std::nullopt;
    }
  }
  const OneOpenMpThread one;
  const ConvolutionCut cut = cut_convolution(d, isa);
  const std::int64_t all = d.groups > 1 ? d.groups : d.out_channels;
  std::vector<Pipeline> pipelines;
  try {
    for (const std::int64_t images : {cut.chunk, std::int64_t{1}}) {
      if (images == 1 && !pipelines.empty() && cut.chunk == 1) break;
      for (const std::int64_t part : {cut.part, all % cut.part}) {
        if (part == 0) continue;
        std::optional<Pipeline> p = make_pipeline(d, *type, images, part);
        if (!p) return std::nullopt;
        pipelines.push_back(std::move(*p));
      }
    }
  } catch (const std::exception&) {  // not only the library's: it has no memory for code of extreme shapes
    return std::nullopt;             // no implementation for these shapes
  }
  // All chunks of a part share the packed weights, so they must agree on their layout.
  const std::size_t per_chunk = all % cut.part != 0 ? 2 : 1;
  for (std::size_t i = per_chunk; i < pipelines.size(); ++i) {
    if (!pipelines[i].SameWeights(pipelines[i - per_chunk])) return std::nullopt;
  }
  ContractionPlan plan;
  plan.body = std::make_shared<OneDnnConvolution>(d, cut, std::move(pipelines));
  plan.units = ir::ceil_div(d.batch, cut.images) * cut.parts;
  plan.engine = "onednn";
  const std::int64_t rows = d.groups > 1 ? cut.part * (d.out_channels / d.groups) : cut.part;
  const std::int64_t block = std::max<std::int64_t>(1, d.out_block);
  if (cut.parts == 1) {
    plan.rows_per_unit = cut.images * d.out_channels / block;
  } else if (d.batch == 1 || all % cut.part == 0) {
    plan.rows_per_unit = rows / block;
  }
  const double work = static_cast<double>(d.batch * d.out_channels) *
                      static_cast<double>(ir::product(d.output)) *
                      static_cast<double>(d.channels / d.groups * ir::product(d.kernel));
  const std::int64_t reordered = (d.x_block > 0 ? 0 : d.channels * ir::product(d.input) * cut.parts) +
                                 (d.out_block > 0 ? 0 : d.out_channels * ir::product(d.output));
  const double bytes =
      static_cast<double>(reordered * d.batch * static_cast<std::int64_t>(byte_size(d.dtype)));
  // 45 G multiplications a second on Zen 3 (AVX2), and the reorders at 4 GB/s in and out; 2 us a panel.
  const double per_ns = isa == Isa::avx512 ? 80 : 45;
  plan.cost_ns = 2000.0 * static_cast<double>(plan.units) + work / per_ns + bytes / 4;
  return plan;
}

}  // namespace leat::runtime::cpu
