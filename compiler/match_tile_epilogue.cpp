#include "compiler/match_tile_epilogue.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "ir/extents.h"
#include "runtime/program/kernel_code.h"

namespace leat::compiler {
namespace {

using ir::Kernel;
using ir::Op;
using runtime::cpu::TileEpilogue;

class TileEpilogueMatcher {
 public:
  TileEpilogueMatcher(const runtime::Program& program, const runtime::Step& step, std::uint32_t sums,
                      const runtime::cpu::ConvolutionDescriptor& d)
      : program_(program),
        step_(step),
        sums_(sums),
        kernel_(static_cast<const runtime::KernelStep&>(*step.body).code()->kernel()),
        arguments_(static_cast<const runtime::KernelStep&>(*step.body).arguments()),
        lanes_(d.out_block),
        positions_(ir::product(d.output)),
        blocks_(d.out_block > 0 ? d.out_channels / d.out_block : 0),
        images_(d.batch) {}

  std::optional<MatchedTileEpilogue> Match() {
    if (lanes_ == 0 || kernel_.pattern != Kernel::Pattern::map || kernel_.outputs.size() != 1) return {};
    for (const Kernel::Input& input : kernel_.inputs) {
      if (input.dtype != DType::f32) return {};
    }
    for (const Kernel::Instruction& i : kernel_.body) {
      if (i.dtype != DType::f32) return {};
    }
    const Kernel::Output& output = kernel_.outputs[0];
    if (!IsInOrder(output.access)) return {};
    std::uint16_t value = output.value;
    value = Bounded(value, Op::minimum, found_.epilogue.high);
    value = Bounded(value, Op::maximum, found_.epilogue.low);
    const TileEpilogue bounds = found_.epilogue;
    if (bounds.high && *bounds.high == 0 && std::signbit(*bounds.high)) return {};
    if (!Base(value) && !WithTerm(value)) return {};
    for (const std::optional<std::uint16_t>& input : {channel_, array_, array_channel_}) {
      if (input) found_.reads.push_back(BufferOf(*input));
    }
    found_.out = step_.uses[output.slot].buffer;
    return std::move(found_);
  }

 private:
  bool IsInput(std::uint16_t value) const { return value < kernel_.inputs.size(); }
  bool IsMemory(std::uint16_t value) const {
    return IsInput(value) && kernel_.inputs[value].kind == Kernel::Input::Kind::memory;
  }
  std::uint32_t BufferOf(std::uint16_t input) const { return step_.uses[kernel_.inputs[input].slot].buffer; }
  const Kernel::Instruction* Instruction(std::uint16_t value, Op op) const {
    if (IsInput(value)) return nullptr;
    const Kernel::Instruction& i = kernel_.body[value - kernel_.inputs.size()];
    return i.op == op ? &i : nullptr;
  }

  /// The other operand, where one is a number that is no NaN; else the value itself.
  std::uint16_t Bounded(std::uint16_t value, Op op, std::optional<float>& bound) const {
    const Kernel::Instruction* const i = Instruction(value, op);
    for (const std::size_t k : {0, 1}) {
      if (i == nullptr || !IsInput(i->operands[k])) continue;
      const Kernel::Input& input = kernel_.inputs[i->operands[k]];
      if (input.kind != Kernel::Input::Kind::scalar) continue;
      const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(arguments_.scalars[input.slot]));
      if (std::isnan(number)) continue;
      bound = number;
      return i->operands[1 - k];
    }
    return value;
  }

  bool IsSum(std::uint16_t value) const { return IsMemory(value) && BufferOf(value) == sums_; }

  /// sum, or sum + channel.
  bool Base(std::uint16_t value) {
    if (IsSum(value)) return true;
    const Kernel::Instruction* const i = Instruction(value, Op::add);
    for (const std::size_t k : {0, 1}) {
      if (i == nullptr || !IsSum(i->operands[k])) continue;
      if (const auto channels = ChannelsOf(i->operands[1 - k])) {
        found_.epilogue.channel = channels;
        channel_ = i->operands[1 - k];
        return true;
      }
    }
    return false;
  }

  /// base + array, or base + (array + channel).
  bool WithTerm(std::uint16_t value) {
    const Kernel::Instruction* const i = Instruction(value, Op::add);
    for (const std::size_t k : {0, 1}) {
      if (i == nullptr || !Term(i->operands[1 - k])) continue;
      if (Base(i->operands[k])) return true;
    }
    return false;
  }

  bool Term(std::uint16_t value) {
    array_channel_.reset();
    found_.epilogue.array_channel.reset();
    if (TakeArray(value)) return true;
    const Kernel::Instruction* const i = Instruction(value, Op::add);
    for (const std::size_t k : {0, 1}) {
      if (i == nullptr) continue;
      const auto channels = ChannelsOf(i->operands[1 - k]);
      if (!channels || !TakeArray(i->operands[k])) continue;
      found_.epilogue.array_channel = channels;
      array_channel_ = i->operands[1 - k];
      return true;
    }
    return false;
  }
  bool TakeArray(std::uint16_t value) {
    found_.epilogue.array = IsMemory(value) && !IsSum(value) && IsInOrder(kernel_.inputs[value].access);
    if (found_.epilogue.array) array_ = value;
    return found_.epilogue.array;
  }

  std::span<const std::int64_t> AccessOf(std::uint16_t access) const {
    const std::size_t size = arguments_.sizes.size() + 1;
    return std::span(arguments_.accesses).subspan(access * size, size);
  }
  /// Whether the whole domain is walked as one dense array.
  bool IsInOrder(std::uint16_t access) const {
    const std::span<const std::int64_t> strides = AccessOf(access);
    std::int64_t dense = 1;
    for (std::size_t d = arguments_.sizes.size(); d-- > 0; dense *= arguments_.sizes[d]) {
      if (arguments_.sizes[d] != 1 && strides[d + 1] != dense) return false;
    }
    return strides[0] == 0;
  }

  /// A piece of a dimension of the domain that lies within the images, the blocks, the positions or the
  /// lanes.
  struct Piece {
    std::int64_t size, stride;
  };
  enum Level { kLanes, kPositions, kBlocks, kImages, kLevels };

  /// The pieces of an access, minor-most first, by what they run over; false where one would cross.
  bool Cut(std::uint16_t access, std::vector<Piece> (&pieces)[kLevels]) const {
    const std::int64_t extents[kLevels] = {lanes_, positions_, blocks_, images_};
    const std::span<const std::int64_t> strides = AccessOf(access);
    int level = kLanes;
    std::int64_t left = extents[kLanes];
    for (std::size_t d = arguments_.sizes.size(); d-- > 0;) {
      std::int64_t size = arguments_.sizes[d], stride = strides[d + 1];
      while (size > 1) {
        while (left == 1 && level < kImages) left = extents[++level];
        const std::int64_t taken = std::min(size, left);
        if (taken <= 1 || size % taken != 0 || left % taken != 0) return false;
        pieces[level].push_back({taken, stride});
        size /= taken;
        left /= taken;
        stride *= taken;
      }
    }
    return strides[0] == 0;
  }

  /// Of an input that is one number for each channel: alike at all positions and in all images.
  std::optional<TileEpilogue::Channels> ChannelsOf(std::uint16_t input) const {
    if (!IsMemory(input) || IsSum(input)) return {};
    std::vector<Piece> pieces[kLevels];
    if (!Cut(kernel_.inputs[input].access, pieces)) return {};
    std::int64_t dense = 1;
    for (const Piece& p : pieces[kLanes]) {
      if (p.stride != dense) return {};
      dense *= p.size;
    }
    if (dense != lanes_) return {};
    for (const Piece& p : pieces[kImages]) {
      if (p.stride != 0) return {};
    }
    TileEpilogue::Channels channels;
    std::int64_t blocks = 1;
    for (const Piece& p : pieces[kBlocks]) {
      if (blocks == 1) channels.block_step = p.stride;
      if (p.stride != channels.block_step * blocks) return {};
      blocks *= p.size;
    }
    if (!Repeats(BufferOf(input), pieces[kPositions], channels)) return {};
    return channels;
  }

  /// Numbers that layouts have repeated along a row (compiler/passes/blocked_form.cpp) are alike in fact.
  bool Repeats(std::uint32_t buffer, const std::vector<Piece>& positions,
               const TileEpilogue::Channels& channels) const {
    std::vector<std::int64_t> offsets = {0};
    for (const Piece& p : positions) {
      if (p.stride == 0) continue;
      const std::size_t before = offsets.size();
      for (std::int64_t i = 1; i < p.size; ++i) {
        for (std::size_t k = 0; k < before; ++k) offsets.push_back(offsets[k] + i * p.stride);
      }
    }
    if (offsets.size() == 1) return true;
    const std::byte* const data = program_.buffers[buffer].data.get();
    if (data == nullptr) return false;
    for (std::int64_t b = 0; b < blocks_; ++b) {
      const auto at = [&](std::int64_t offset) { return data + (b * channels.block_step + offset) * 4; };
      for (const std::int64_t offset : offsets) {
        if (std::memcmp(at(offset), at(0), static_cast<std::size_t>(lanes_) * 4) != 0) return false;
      }
    }
    return true;
  }

  const runtime::Program& program_;
  const runtime::Step& step_;
  const std::uint32_t sums_;
  const Kernel& kernel_;
  const runtime::KernelStep::Arguments& arguments_;
  const std::int64_t lanes_, positions_, blocks_, images_;
  MatchedTileEpilogue found_;
  std::optional<std::uint16_t> channel_, array_, array_channel_;
};

}  // namespace

std::optional<MatchedTileEpilogue> match_tile_epilogue(
    const runtime::Program& program, const runtime::Step& step, std::uint32_t sums,
    const runtime::cpu::ConvolutionDescriptor& convolution) {
  return TileEpilogueMatcher(program, step, sums, convolution).Match();
}

}  // namespace leat::compiler
