// Ops whose output sizes are data: what decides the size is read while importing, the rest is computed later.
#include <algorithm>
#include <numeric>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

// The places where a flat mask holds, in order; how many is read.
Tensor places_where(Call& c, const Tensor& mask, bool known) {
  const Tensor count = sum(astype(mask, DType::i64));
  const Integers read = c.integers_of({count, known});
  return slice(argsort(astype(!mask, DType::u8)), {{0, read[0]}});
}

Tensor flat(const Tensor& x) { return reshape(x, {-1}); }

// Row numbers in lexicographic order of the rows.
Tensor sorted_rows(Call& c, const Tensor& rows) {
  const std::int64_t width = rows.dim(1);
  if (width > 1024) c.Unsupported("rows of more than 1024 elements, got ", type_text(rows));
  Tensor order = arange(rows.dim(0));
  for (std::int64_t column = width; column-- > 0;) {  // stable sorts, the least significant first
    order = gather(order, argsort(gather(slice(rows, {{}, column}), order)));
  }
  return order;
}

}  // namespace

Results import_non_zero(Call& c) {
  const Tensor& x = c.input(0);
  const Tensor places = places_where(c, astype(flat(x), DType::bool_), c.known(0));
  std::vector<Tensor> coordinates;
  std::int64_t stride = 1;
  for (int d = x.rank(); d-- > 0;) {
    const std::int64_t extent = x.dim(d);
    coordinates.push_back(d == 0 ? places / stride : places / stride % extent);
    stride *= std::max<std::int64_t>(1, extent);
  }
  if (coordinates.empty()) return {reshape(places, {1, -1})};
  std::reverse(coordinates.begin(), coordinates.end());
  return {stack(coordinates, 0)};
}

Results import_compress(Call& c) {
  const bool whole = !c.has_attribute("axis");
  const Tensor x = whole ? flat(c.input(0)) : c.input(0);
  const int axis = whole ? 0 : c.axis("axis", 0, x.rank());
  Tensor condition = c.input(1);
  if (condition.rank() != 1) c.Fail("the condition is a vector, got ", type_text(condition));
  if (condition.dim(0) > x.dim(axis)) condition = slice(condition, {{0, x.dim(axis)}});
  return {gather(x, places_where(c, condition, c.known(1)), axis)};
}

Results import_unique(Call& c) {
  const Tensor& x = c.input(0);
  const bool whole = !c.has_attribute("axis");
  const int axis = whole ? 0 : c.axis("axis", 0, x.rank());
  const Tensor front = whole ? reshape(x, {-1, 1}) : swap_axes(x, 0, axis);
  const std::int64_t n = front.dim(0);
  if (n == 0) c.Unsupported("an empty tensor");
  const Tensor rows = reshape(front, {n, std::max<std::int64_t>(1, front.num_elements() / n)});
  // Sorted, equal rows are neighbours; where a row differs from the one before it a group begins.
  const Tensor order = sorted_rows(c, rows), sorted = gather(rows, order);
  const Tensor differs = any(slice(sorted, {{1, std::nullopt}}) != slice(sorted, {{0, n - 1}}), 1);
  const Tensor begins = concat({ones({1}, DType::bool_), differs}, 0);
  const Tensor starts = places_where(c, begins, c.known(0));
  const Tensor group_of_sorted = cumsum(astype(begins, DType::i64)) - 1;
  Tensor first = gather(order, starts);  // sorts are stable: its first occurrence
  Tensor counts = concat({slice(starts, {{1, std::nullopt}}), full({1}, n)}, 0) - starts;
  Tensor inverse = scatter_elements(zeros({n}, DType::i64), order, group_of_sorted, 0);
  if (!c.flag("sorted", true)) {
    const Tensor by_occurrence = argsort(first);
    first = gather(first, by_occurrence);
    counts = gather(counts, by_occurrence);
    inverse = gather(argsort(by_occurrence), inverse);
  }
  return {whole ? gather(flat(x), first) : gather(x, first, axis), first, inverse, counts};
}

namespace {

struct Box {
  double low_y, low_x, high_y, high_x;
  double area() const { return (high_y - low_y) * (high_x - low_x); }
};

Box box_at(const double* p, bool centred) {
  if (centred) return {p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2};
  return {std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]), std::max(p[1], p[3])};
}

bool overlaps(const Box& a, const Box& b, double threshold) {
  const double height = std::min(a.high_y, b.high_y) - std::max(a.low_y, b.low_y);
  const double width = std::min(a.high_x, b.high_x) - std::max(a.low_x, b.low_x);
  if (height <= 0 || width <= 0 || a.area() <= 0 || b.area() <= 0) return false;
  const double both = height * width;
  return both / (a.area() + b.area() - both) > threshold;
}

}  // namespace

// Sequential by nature: done here, once boxes and scores are there.
Results import_non_max_suppression(Call& c) {
  const Shape b = c.input(0).shape(), s = c.input(1).shape();
  if (b.rank() != 3 || s.rank() != 3 || b[2] != 4 || b[0] != s[0] || b[1] != s[2]) {
    c.Fail("boxes [batch,n,4] and scores [batch,classes,n], got ", type_text(c.input(0)), " and ",
           type_text(c.input(1)));
  }
  const std::int64_t most = c.has(2) ? c.integer(std::size_t{2}) : 0;
  const double overlap = c.has(3) ? c.real(std::size_t{3}) : 0;
  const bool limited = c.has(4);
  const double least = limited ? c.real(std::size_t{4}) : 0;
  const bool centred = c.integer("center_point_box", 0) == 1;
  const std::vector<double> boxes = c.reals(0), scores = c.reals(1);
  Integers selected;
  for (std::int64_t batch = 0; batch < s[0]; ++batch) {
    for (std::int64_t kind = 0; kind < s[1]; ++kind) {
      const double* const score = scores.data() + (batch * s[1] + kind) * s[2];
      const double* const corners = boxes.data() + batch * b[1] * 4;
      Integers candidates;
      for (std::int64_t i = 0; i < s[2]; ++i) {
        if (!limited || score[i] > least) candidates.push_back(i);
      }
      std::stable_sort(candidates.begin(), candidates.end(),
                       [&](std::int64_t i, std::int64_t j) { return score[i] > score[j]; });
      std::vector<Box> kept;
      for (const std::int64_t i : candidates) {
        if (static_cast<std::int64_t>(kept.size()) >= most) break;
        const Box box = box_at(corners + 4 * i, centred);
        if (std::any_of(kept.begin(), kept.end(), [&](const Box& k) { return overlaps(k, box, overlap); }))
          continue;
        kept.push_back(box);
        selected.insert(selected.end(), {batch, kind, i});
      }
    }
  }
  return {tensor(selected, {static_cast<std::int64_t>(selected.size() / 3), 3})};
}

}  // namespace leat::onnx
