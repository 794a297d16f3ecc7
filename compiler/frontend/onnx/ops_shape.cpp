#include <algorithm>
#include <numeric>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

Integers extents(const Tensor& x) { return {x.shape().begin(), x.shape().end()}; }
Tensor integers_tensor(const Integers& values) {
  return from_memory(values.data(), DType::i64, {static_cast<std::int64_t>(values.size())});
}

}  // namespace

Results import_shape(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t rank = x.rank();
  const auto bound = [&](std::int64_t at) {
    return std::clamp(at < 0 ? at + rank : at, std::int64_t{0}, rank);
  };
  const std::int64_t from = bound(c.integer("start", 0)), to = bound(c.integer("end", rank));
  const Integers all = extents(x);
  return {integers_tensor(from < to ? Integers(all.begin() + from, all.begin() + to) : Integers())};
}

Results import_size(Call& c) {
  const std::int64_t size = c.input(0).num_elements();
  return {from_memory(&size, DType::i64, {})};
}

Results import_constant(Call& c) {
  if (c.has_attribute("value")) return {c.tensor("value")};
  if (const AttributeProto* const a = c.Find("sparse_value"); a != nullptr && a->sparse_tensor != nullptr) {
    return {c.importer().constant(*a->sparse_tensor)};
  }
  if (c.has_attribute("value_int")) return {Tensor(c.integer("value_int", 0))};
  if (c.has_attribute("value_float")) return {Tensor(static_cast<float>(c.real("value_float", 0)))};
  if (c.has_attribute("value_ints")) return {integers_tensor(c.integers("value_ints"))};
  if (c.has_attribute("value_floats")) {
    const std::vector<double> wide = c.reals("value_floats");
    return {tensor(std::vector<float>(wide.begin(), wide.end()))};
  }
  if (c.has_attribute("value_string") || c.has_attribute("value_strings")) {
    c.Unsupported("elements of type string are not supported");
  }
  c.Fail("it has no value");
}

Results import_constant_of_shape(Call& c) {
  const Shape shape = c.shape_of(c.integers(0));
  if (!c.has_attribute("value")) return {zeros(shape)};
  const Tensor& value = c.tensor("value");
  if (value.num_elements() != 1) c.Fail("the value must be one element, got ", type_text(value));
  return {broadcast_to(reshape(value, {}), shape)};
}

Results import_eye_like(Call& c) {
  const Tensor& x = c.input(0);
  if (x.rank() != 2) c.Fail("takes a matrix, got ", type_text(x));
  const Tensor row = iota(x.shape(), 0), column = iota(x.shape(), 1);
  return {astype(column - row == c.integer("k", 0), c.dtype("dtype", x.dtype()))};
}

Results import_range(Call& c) {
  const DType dtype = c.input(0).dtype();
  if (!is_float(dtype)) return {astype(arange(c.integer(0), c.integer(1), c.integer(2)), dtype)};
  return {astype(arange(c.real(0), c.real(1), c.real(2)), dtype)};
}

Results import_reshape(Call& c) {
  const Tensor& x = c.input(0);
  Integers want = c.version() >= 5 ? c.integers(1) : c.integers("shape");
  if (!c.flag("allowzero")) {
    for (std::size_t d = 0; d < want.size(); ++d) {
      if (want[d] != 0) continue;
      if (d >= x.shape().size()) c.Fail("extent 0 copies axis ", d, " of ", type_text(x), ", which has none");
      want[d] = x.shape()[d];
    }
  }
  Integers known = want;
  std::replace(known.begin(), known.end(), std::int64_t{-1}, std::int64_t{1});
  c.shape_of(known);
  return {reshape(x, Shape(want))};
}

Results import_flatten(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t given = c.integer("axis", 1);
  const int axis = given == x.rank() ? x.rank() : c.normal_axis(given, x.rank());
  std::int64_t rows = 1, columns = 1;
  for (int d = 0; d < x.rank(); ++d) (d < axis ? rows : columns) *= x.shape()[static_cast<std::size_t>(d)];
  return {reshape(x, {rows, columns})};
}

Results import_squeeze(Call& c) {
  const std::optional<Integers> axes = c.integers_or(1, "axes", 13);
  if (axes && axes->empty()) return {c.input(0)};
  return {squeeze(c.input(0), axes ? c.normal_axes(*axes, c.input(0).rank()) : std::vector<int>())};
}

Results import_unsqueeze(Call& c) {
  const Tensor& x = c.input(0);
  const Integers given = c.integers_or(1, "axes", 13).value_or(Integers());
  const int rank = x.rank() + static_cast<int>(given.size());
  std::vector<int> axes = c.normal_axes(given, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) c.Fail("an axis is named twice");
  Shape shape;
  std::size_t from = 0;
  for (int d = 0; d < rank; ++d) {
    shape.push_back(std::binary_search(axes.begin(), axes.end(), d) ? 1 : x.shape()[from++]);
  }
  return {reshape(x, shape)};
}

Results import_transpose(Call& c) {
  const Tensor& x = c.input(0);
  return {transpose(x, c.normal_axes(c.integers("perm"), x.rank()))};
}

Results import_expand(Call& c) {
  const Tensor& x = c.input(0);
  Integers want = c.integers(1);
  const Integers have = extents(x);
  if (want.size() < have.size()) want.insert(want.begin(), have.size() - want.size(), 1);
  for (std::size_t d = 0; d < have.size(); ++d) {  // its own 1s stretch, and so do those of the shape
    std::int64_t& w = want[want.size() - have.size() + d];
    if (w == 1) w = have[d];
  }
  return {broadcast_to(x, c.shape_of(want))};
}

Results import_tile(Call& c) {
  const Tensor& x = c.input(0);
  const Integers repeats = c.integers(1);
  if (repeats.size() != x.shape().size()) c.Fail(repeats.size(), " repeats for ", type_text(x));
  Shape spread, merged;  // [r0,d0,r1,d1,...] and [r0*d0,r1*d1,...]
  Shape ones;
  for (std::size_t d = 0; d < repeats.size(); ++d) {
    if (repeats[d] < 0) c.Fail("a negative repeat, ", repeats[d]);
    if (repeats[d] > 0 && x.shape()[d] > (std::int64_t{1} << 40) / repeats[d])
      c.Fail("the result is too large");
    ones.push_back(1), ones.push_back(x.shape()[d]);
    spread.push_back(repeats[d]), spread.push_back(x.shape()[d]);
    merged.push_back(repeats[d] * x.shape()[d]);
  }
  return {reshape(broadcast_to(reshape(x, ones), spread), merged)};
}

Results import_concat(Call& c) {
  const std::vector<Tensor> parts = c.inputs();
  return {concat(parts, c.axis("axis", 1, c.input(0).rank()))};
}

Results import_split(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", 0, x.rank());
  const std::int64_t extent = x.dim(axis);
  std::optional<Integers> lengths = c.integers_or(1, "split", 13);
  if (!lengths) {
    const auto count =
        c.integer("num_outputs", static_cast<std::int64_t>(std::max<std::size_t>(1, c.output_count())));
    if (count < 1 || count > (1 << 20)) c.Fail("num_outputs is ", count);
    if (count == 1) return {x};
    const std::int64_t each = (extent + count - 1) / count;
    lengths.emplace();
    for (std::int64_t i = 0, left = extent; i < count; ++i, left -= std::min(each, left)) {
      lengths->push_back(std::min(each, left));
    }
    if (c.version() < 18 && extent % count != 0) c.Fail(count, " equal parts of ", type_text(x));
  }
  return split(x, *lengths, axis);
}

Results import_slice(Call& c) {
  const Tensor& x = c.input(0);
  const bool attributes = c.version() < 10;
  const Integers starts = attributes ? c.integers("starts") : c.integers(1);
  const Integers ends = attributes ? c.integers("ends") : c.integers(2);
  std::optional<Integers> axes = c.integers_or(3, "axes", 10), steps;
  if (!attributes && c.has(4)) steps = c.integers(4);
  if (!axes) {
    axes.emplace(starts.size());
    std::iota(axes->begin(), axes->end(), 0);
  }
  if (ends.size() != starts.size() || axes->size() != starts.size() ||
      (steps && steps->size() != starts.size())) {
    c.Fail("starts, ends, axes and steps have different lengths");
  }
  std::vector<Slice> parts(x.shape().size());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<std::size_t>(c.normal_axis((*axes)[i], x.rank()));
    const std::int64_t step = steps ? (*steps)[i] : 1, extent = x.shape()[axis];
    std::optional<std::int64_t> stop = ends[i];
    // Python's None: what lies before the first element.
    if (step < 0 && ends[i] < 0 && ends[i] < -extent) stop = std::nullopt;
    // The least integers would overflow when the extent is added; they mean the ends.
    const std::int64_t start = std::max(starts[i], -extent - 1);
    if (stop) stop = std::max(*stop, -extent - 1);
    parts[axis] = Slice(start, stop, std::max(step, -(std::int64_t{1} << 60)));
  }
  return {slice(x, parts)};
}

namespace {

// Index i of the padded axis is element table[i] of the axis.
Integers mirrored(Call& c, std::int64_t extent, std::int64_t low, std::int64_t high, std::string_view mode) {
  if (extent == 0) c.Fail("an empty axis cannot be padded by its own elements");
  c.Spend(static_cast<double>(extent) + static_cast<double>(low + high), sizeof(std::int64_t));
  Integers table;
  for (std::int64_t i = -low; i < extent + high; ++i) {
    if (mode == "edge") {
      table.push_back(std::clamp<std::int64_t>(i, 0, extent - 1));
    } else if (mode == "wrap") {
      table.push_back(((i % extent) + extent) % extent);
    } else {  // reflect: the ends are not repeated
      const std::int64_t period = std::max<std::int64_t>(1, 2 * (extent - 1));
      const std::int64_t m = ((i % period) + period) % period;
      table.push_back(m < extent ? m : period - m);
    }
  }
  return table;
}

}  // namespace

Results import_pad(Call& c) {
  Tensor x = c.input(0);
  const bool attributes = c.version() < 11;
  Integers pads = attributes ? c.integers("pads") : c.integers(1);
  const std::string mode = c.text("mode", "constant");
  std::vector<int> axes(x.shape().size());
  std::iota(axes.begin(), axes.end(), 0);
  if (c.has(3)) axes = c.normal_axes(c.integers(3), x.rank());
  if (pads.size() != 2 * axes.size())
    c.Fail(pads.size(), " pads for ", axes.size(), " axes of ", type_text(x));
  Integers low(x.shape().size(), 0), high(x.shape().size(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    low[static_cast<std::size_t>(axes[i])] = pads[i];
    high[static_cast<std::size_t>(axes[i])] = pads[axes.size() + i];
  }
  if (mode == "constant") {
    if (attributes) return {pad(x, low, high, c.real("value", 0))};
    if (!c.has(2)) return {pad(x, low, high, x.dtype() == DType::bool_ ? Operand(false) : Operand(0))};
    return {pad(x, low, high, reshape(c.input(2), {}))};
  }
  if (mode != "reflect" && mode != "edge" && mode != "wrap") c.Fail("mode is \"", mode, "\"");
  for (std::size_t d = 0; d < low.size(); ++d) {
    if (low[d] == 0 && high[d] == 0) continue;
    constexpr std::int64_t kMost = 1 << 20;
    if (low[d] < -kMost || low[d] > kMost || high[d] < -kMost || high[d] > kMost)
      c.Fail("a padding of ", low[d], ", ", high[d]);
    const Integers table = mirrored(c, x.shape()[d], low[d], high[d], mode);
    x = gather(x, tensor(table), static_cast<int>(d));
  }
  return {x};
}

Results import_depth_to_space(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t b = c.integer("blocksize");
  if (x.rank() != 4 || b < 1 || b > 4096 || x.shape()[1] % (b * b) != 0) {
    c.Fail("blocks of ", b, " in ", type_text(x));
  }
  const Shape& s = x.shape();
  const std::int64_t depth = s[1] / (b * b);
  const bool columns_first = c.text("mode", "DCR") == "CRD";
  const Tensor split = columns_first ? reshape(x, {s[0], depth, b, b, s[2], s[3]})
                                     : reshape(x, {s[0], b, b, depth, s[2], s[3]});
  const Tensor moved = transpose(split, columns_first ? Axes{0, 1, 4, 2, 5, 3} : Axes{0, 3, 4, 1, 5, 2});
  return {reshape(moved, {s[0], depth, s[2] * b, s[3] * b})};
}

Results import_space_to_depth(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t b = c.integer("blocksize");
  if (x.rank() != 4 || b < 1 || x.shape()[2] % b != 0 || x.shape()[3] % b != 0) {
    c.Fail("blocks of ", b, " in ", type_text(x));
  }
  const Shape& s = x.shape();
  const Tensor split = reshape(x, {s[0], s[1], s[2] / b, b, s[3] / b, b});
  return {reshape(transpose(split, {0, 3, 5, 1, 2, 4}), {s[0], s[1] * b * b, s[2] / b, s[3] / b})};
}

Results import_trilu(Call& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2) c.Fail("takes matrices, got ", type_text(x));
  const std::int64_t k = c.has(1) ? c.integer(std::size_t{1}) : 0;
  const Shape last{x.dim(-2), x.dim(-1)};
  const Tensor distance = iota(last, 1) - iota(last, 0);
  const Tensor zero = zeros({}, x.dtype());
  return {where(c.flag("upper", true) ? distance >= k : distance <= k, x, zero)};
}

}  // namespace leat::onnx
