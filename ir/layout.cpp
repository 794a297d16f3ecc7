#include "ir/layout.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "ir/characters.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

constexpr std::int64_t kLargestBlock = 4096;
constexpr int kLetters = 26;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

std::optional<Layout> Layout::Parse(std::string_view text) {
  Layout layout;
  std::size_t at = 0;
  bool seen[kLetters] = {};
  for (; at < text.size() && (is_lower(text[at]) || is_upper(text[at])); ++at) {
    const bool blocked = is_upper(text[at]);
    const int axis = text[at] - (blocked ? 'A' : 'a');
    if (seen[axis]) return std::nullopt;
    seen[axis] = true;
    layout.dims_.push_back({axis, blocked ? 0 : 1, 0});  // a step of 0: its block is still to come
    ++layout.rank_;
  }
  for (int axis = 0; axis < layout.rank_; ++axis) {
    if (!seen[axis]) return std::nullopt;
  }
  while (at < text.size()) {
    std::int64_t block = 0;
    for (; at < text.size() && is_digit(text[at]) && block <= kLargestBlock; ++at) {
      block = block * 10 + (text[at] - '0');
    }
    if (block < 1 || block > kLargestBlock || at == text.size() || !is_lower(text[at])) return std::nullopt;
    const int axis = text[at++] - 'a';
    bool found = false;
    for (int d = 0; d < layout.rank_; ++d) {
      Dim& outer = layout.dims_[static_cast<std::size_t>(d)];
      if (outer.axis != axis || outer.step != 0) continue;
      outer.step = block;
      found = true;
    }
    if (!found) return std::nullopt;
    layout.dims_.push_back({axis, 1, block});
  }
  for (const Dim& dim : layout.dims_) {
    if (dim.step == 0) return std::nullopt;
  }
  return layout;
}

std::string Layout::Name(int rank, int axis, std::int64_t block) {
  std::string name;
  for (int d = 0; d < rank; ++d) name += static_cast<char>((d == axis ? 'A' : 'a') + d);
  return absl::StrCat(name, block, std::string(1, static_cast<char>('a' + axis)));
}

std::string Layout::Dense(int rank) {
  std::string name;
  for (int d = 0; d < rank; ++d) name += static_cast<char>('a' + d);
  return name;
}

std::int64_t Layout::block(int axis) const {
  for (const Dim& dim : dims_) {
    if (dim.axis == axis && dim.block == 0) return dim.step;
  }
  return 1;
}

Shape Layout::Blocked(const Shape& dense) const {
  Shape shape;
  for (const Dim& dim : dims_) {
    const std::int64_t extent = dense[static_cast<std::size_t>(dim.axis)];
    if (dim.block > 0) {
      shape.push_back(dim.block);
    } else if (dim.step == 1) {
      shape.push_back(extent);
    } else {
      shape.push_back(extent < 0 ? kUnknownDim : extent / dim.step + (extent % dim.step != 0 ? 1 : 0));
    }
  }
  return shape;
}

// visit(offset in the dense array, or -1 where a block hangs over; offset in the blocked one).
template <class Visit>
void Layout::EachElement(const Shape& dense, Visit&& visit) const {
  const Shape shape = Blocked(dense);
  const Strides strides = row_major_strides(dense.dims());
  Strides steps;
  for (const Dim& dim : dims_) steps.push_back(dim.step * strides[static_cast<std::size_t>(dim.axis)]);
  Strides index(dense.size());
  std::int64_t to = 0;
  for (Odometer<1> at(shape.dims(), {steps}); !at.done(); at.Next(), ++to) {
    std::fill(index.begin(), index.end(), 0);
    for (std::size_t d = 0; d < dims_.size(); ++d) {
      index[static_cast<std::size_t>(dims_[d].axis)] += dims_[d].step * at.index()[d];
    }
    bool inside = true;
    for (std::size_t d = 0; d < index.size(); ++d) inside = inside && index[d] < dense[d];
    visit(inside ? at.offset(0) : -1, to);
  }
}

void Layout::Pack(const Shape& dense, const void* from, void* to, std::size_t size) const {
  EachElement(dense, [&](std::int64_t x, std::int64_t y) {
    std::byte* element = static_cast<std::byte*>(to) + y * static_cast<std::int64_t>(size);
    if (x < 0) {
      std::memset(element, 0, size);
    } else {
      std::memcpy(element, static_cast<const std::byte*>(from) + x * static_cast<std::int64_t>(size), size);
    }
  });
}

void Layout::Unpack(const Shape& dense, const void* from, void* to, std::size_t size) const {
  EachElement(dense, [&](std::int64_t x, std::int64_t y) {
    if (x < 0) return;
    std::memcpy(static_cast<std::byte*>(to) + x * static_cast<std::int64_t>(size),
                static_cast<const std::byte*>(from) + y * static_cast<std::int64_t>(size), size);
  });
}

std::optional<Reordering> parse_reordering(std::string_view text) {
  const std::size_t at = text.find('>');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view from = text.substr(0, at), to = text.substr(at + 1);
  for (const bool backward : {false, true}) {
    const std::string_view dense = backward ? to : from, blocked = backward ? from : to;
    const std::optional<Layout> layout = Layout::Parse(blocked);
    if (!layout || dense != Layout::Dense(layout->rank())) continue;
    return Reordering{*layout, std::string(blocked), backward};
  }
  return std::nullopt;
}

std::string name_reordering(int rank, std::string_view layout, bool backward) {
  const std::string dense = Layout::Dense(rank), blocked(layout);
  return backward ? blocked + ">" + dense : dense + ">" + blocked;
}

}  // namespace leat::ir
