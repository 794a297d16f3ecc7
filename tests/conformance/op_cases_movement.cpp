// Views and data movement, addressed by attributes and by data.
#include "ir/layout.h"
#include "tests/conformance/case_builder.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Op;

void add_reshapes(CaseBuilder& b) {
  const std::pair<Shape, Shape> kPairs[] = {{{}, {}},           {{}, {1, 1}},    {{1}, {}},
                                            {{0, 4}, {2, 0}},   {{12}, {3, 4}},  {{3, 4}, {12}},
                                            {{5, 17}, {17, 5}}, {{5, 17}, {85}}, {{2, 3, 5}, {6, 5}}};
  for (const auto& [from, to] : kPairs) b.Add({{b.TypeOf(from)}}, {}, {b.TypeOf(to)});
  b.Add({{b.TypeOf({5, 17}), Access::transposed}}, {}, {b.TypeOf({85})});
  b.Add({{b.TypeOf({4, 6}), Access::sliced}}, {}, {b.TypeOf({8, 3})});
  b.Add({{b.TypeOf({4, 6}), Access::repeated}}, {}, {b.TypeOf({2, 12})});
}

void add_broadcasts(CaseBuilder& b) {
  struct {
    Shape from, to;
    Dims dims;
  } const kCases[] = {{{}, {}, {}},
                      {{}, {7}, {}},
                      {{}, {0}, {}},
                      {{7}, {7}, {0}},
                      {{1}, {33}, {0}},
                      {{17}, {5, 17}, {1}},
                      {{5}, {5, 17}, {0}},
                      {{5, 1}, {5, 17}, {0, 1}},
                      {{3, 4}, {3, 2, 4}, {0, 2}},
                      {{3, 4}, {4, 3}, {1, 0}},
                      {{4, 4}, {4, 4}, {1, 0}},  // a transpose, though the shape stays
                      {{1, 4, 4}, {4, 4, 4}, {1, 2, 0}},
                      {{0, 1}, {0, 5}, {0, 1}}};
  for (const auto& c : kCases) b.Add({{b.TypeOf(c.from)}}, {{Attr::dims, c.dims}}, {b.TypeOf(c.to)});
  b.Add({{b.TypeOf({3, 5}), Access::transposed}}, {{Attr::dims, Dims{0, 2}}}, {b.TypeOf({3, 9, 5})});
}

void add_transposes(CaseBuilder& b) {
  const std::pair<Shape, Dims> kCases[] = {{{}, {}},
                                           {{7}, {0}},
                                           {{0, 3}, {1, 0}},
                                           {{5, 17}, {1, 0}},
                                           {{33, 65}, {1, 0}},
                                           {{2, 3, 5}, {2, 0, 1}},
                                           {{2, 3, 5}, {0, 2, 1}},
                                           {{3, 4, 5, 6}, {3, 1, 0, 2}}};
  for (const auto& [shape, dims] : kCases) b.Add({{b.TypeOf(shape)}}, {{Attr::dims, dims}});
  b.Add({{b.TypeOf({5, 17}), Access::transposed}}, {{Attr::dims, Dims{1, 0}}});
  b.Add({{b.TypeOf({5, 17}), Access::sliced}}, {{Attr::dims, Dims{1, 0}}});
}

void add_slices(CaseBuilder& b) {
  struct {
    Shape shape;
    Dims starts, limits, strides;
  } const kCases[] = {{{}, {}, {}, {}},
                      {{7}, {0}, {7}, {1}},
                      {{7}, {3}, {3}, {1}},
                      {{70}, {1}, {68}, {3}},
                      {{0, 4}, {0, 1}, {0, 3}, {1, 1}},
                      {{5, 17}, {1, 2}, {4, 17}, {1, 1}},
                      {{5, 40}, {0, 3}, {5, 39}, {2, 1}},
                      {{5, 40}, {4, 39}, {5, 40}, {9, 50}},
                      {{2, 3, 33}, {0, 1, 0}, {2, 3, 33}, {1, 1, 2}}};
  for (const auto& c : kCases) {
    b.Add({{b.TypeOf(c.shape)}},
          {{Attr::starts, c.starts}, {Attr::limits, c.limits}, {Attr::strides, c.strides}});
  }
  b.Add({{b.TypeOf({5, 17}), Access::reversed}},
        {{Attr::starts, Dims{1, 2}}, {Attr::limits, Dims{5, 16}}, {Attr::strides, Dims{2, 3}}});
}

void add_reverses(CaseBuilder& b) {
  const std::pair<Shape, Dims> kCases[] = {{{}, {}},       {{7}, {}},           {{7}, {0}},
                                           {{130}, {0}},   {{0, 3}, {0, 1}},    {{5, 17}, {1}},
                                           {{5, 17}, {0}}, {{2, 3, 33}, {2, 0}}};
  for (const auto& [shape, dims] : kCases) b.Add({{b.TypeOf(shape)}}, {{Attr::dims, dims}});
  b.Add({{b.TypeOf({5, 17}), Access::transposed}}, {{Attr::dims, Dims{1}}});
}

void add_pads(CaseBuilder& b) {
  struct {
    Shape shape;
    Dims low, high, interior;
  } const kCases[] = {{{}, {}, {}, {}},
                      {{7}, {0}, {0}, {0}},
                      {{7}, {3}, {2}, {0}},
                      {{7}, {-2}, {-1}, {0}},
                      {{7}, {2}, {-9}, {1}},
                      {{1}, {0}, {0}, {4}},
                      {{0}, {2}, {3}, {2}},
                      {{0, 3}, {1, 0}, {1, 0}, {5, 0}},
                      {{5, 17}, {1, -1}, {0, 4}, {0, 2}},
                      {{2, 3, 5}, {0, 1, 2}, {0, -3, 1}, {1, 0, 0}}};
  for (const auto& c : kCases) {
    b.Add({{b.TypeOf(c.shape)}, {b.TypeOf({})}},
          {{Attr::low, c.low}, {Attr::high, c.high}, {Attr::interior, c.interior}});
  }
  b.Add({{b.TypeOf({5, 17}), Access::transposed}, {b.TypeOf({}), Access::constant}},
        {{Attr::low, Dims{1, 1}}, {Attr::high, Dims{1, 1}}, {Attr::interior, Dims{0, 0}}});
}

void add_concats(CaseBuilder& b) {
  const auto concat = [&](std::initializer_list<Shape> shapes, std::int64_t axis) {
    std::vector<Operand> operands;
    for (const Shape& shape : shapes) operands.push_back({b.TypeOf(shape)});
    b.Add(operands, {{Attr::axis, axis}});
  };
  concat({{7}}, 0);
  concat({{7}, {1}, {33}}, 0);
  concat({{0}, {0}}, 0);
  concat({{3, 0}, {3, 5}}, 1);
  concat({{3, 4}, {2, 4}, {0, 4}}, 0);
  concat({{2, 3, 5}, {2, 1, 5}}, 1);
  b.Add({{b.TypeOf({3, 4}), Access::transposed}, {b.TypeOf({3, 5}), Access::scalar}},
        {{Attr::axis, std::int64_t{1}}});
}

constexpr DType kIndexTypes[] = {DType::i32, DType::i64};

void add_gathers(CaseBuilder& b) {
  struct {
    Shape x;
    std::int64_t axis;
    Shape indices;
  } const kCases[] = {{{7}, 0, {}},        {{7}, 0, {5}},          {{7}, 0, {0}},    {{5, 17}, 0, {3, 2}},
                      {{5, 17}, 1, {33}},  {{2, 3, 5}, 1, {4}},    {{0, 3}, 1, {2}}, {{4, 0}, 0, {3}},
                      {{300, 3}, 0, {70}}, {{2, 9, 16}, 2, {2, 3}}};
  for (const DType index : kIndexTypes) {
    for (const auto& c : kCases) {
      const std::int64_t below = c.x[static_cast<std::size_t>(c.axis)];
      b.Add({{b.TypeOf(c.x)}, b.Indices(index, c.indices, below)}, {{Attr::axis, c.axis}});
    }
    for (int i = 0; i < 3; ++i) {
      b.Add({{b.TypeOf({5, 17})}, b.Indices(index, {9}, 17, true)}, {{Attr::axis, std::int64_t{1}}});
    }
    b.Add({{b.TypeOf({0, 3})}, b.Indices(index, {2}, 0, true)}, {{Attr::axis, std::int64_t{0}}});
  }
}

void add_element_gathers(CaseBuilder& b) {
  struct {
    Shape x;
    std::int64_t axis;
    Shape indices;
  } const kCases[] = {{{7}, 0, {9}},
                      {{7}, 0, {0}},
                      {{5, 17}, 0, {33, 17}},
                      {{5, 17}, 1, {4, 3}},
                      {{2, 3, 5}, 1, {2, 7, 4}},
                      {{0, 3}, 1, {0, 8}},
                      {{65, 4}, 0, {2, 4}}};
  for (const DType index : kIndexTypes) {
    for (const auto& c : kCases) {
      const std::int64_t below = c.x[static_cast<std::size_t>(c.axis)];
      b.Add({{b.TypeOf(c.x)}, b.Indices(index, c.indices, below)}, {{Attr::axis, c.axis}});
    }
    b.Add({{b.TypeOf({5, 17})}, b.Indices(index, {5, 6}, 17, true)}, {{Attr::axis, std::int64_t{1}}});
  }
}

/// Each entry of the last dimension of the indices is below the extent that it addresses.
Operand deep_indices(CaseBuilder& b, DType dtype, const Shape& shape, const Shape& x, std::int64_t batch) {
  Operand operand = b.Indices(dtype, shape, 1);
  const std::int64_t depth = shape.back();
  for (std::int64_t i = 0; i < shape.num_elements(); ++i) {
    const std::int64_t index =
        b.Pick(std::max<std::int64_t>(x[static_cast<std::size_t>(batch + i % depth)], 1));
    if (dtype == DType::i32) {
      operand.given->as<std::int32_t>()[i] = static_cast<std::int32_t>(index);
    } else {
      operand.given->as<std::int64_t>()[i] = index;
    }
  }
  return operand;
}

void add_deep_gathers(CaseBuilder& b) {
  struct {
    Shape x, indices;
    std::int64_t batch;
  } const kCases[] = {{{7}, {1}, 0},          {{7}, {5, 1}, 0},          {{5, 17}, {9, 2}, 0},
                      {{5, 17}, {3, 1}, 0},   {{2, 3, 5}, {2, 4, 1}, 1}, {{2, 3, 5}, {2, 3, 2, 1}, 2},
                      {{2, 3, 5}, {0, 2}, 0}, {{4, 0}, {3, 1}, 0},       {{2, 3, 33}, {2, 2, 2}, 0}};
  for (const DType index : kIndexTypes) {
    for (const auto& c : kCases) {
      b.Add({{b.TypeOf(c.x)}, deep_indices(b, index, c.indices, c.x, c.batch)},
            {{Attr::batch_dims, c.batch}});
    }
    b.Add({{b.TypeOf({5, 17})}, b.Indices(index, {4, 2}, 17, true)});
    b.Add({{b.TypeOf({2, 3})}, b.Indices(index, {2, 4, 1}, 3, true)}, {{Attr::batch_dims, std::int64_t{1}}});
  }
}

void add_scatters(CaseBuilder& b) {
  struct {
    Shape x;
    std::int64_t axis;
    Shape indices;
  } const kElements[] = {{{7}, 0, {9}},
                         {{7}, 0, {0}},
                         {{5, 17}, 0, {33, 17}},
                         {{5, 17}, 1, {4, 30}},
                         {{2, 3, 5}, 1, {2, 7, 4}},
                         {{0, 3}, 1, {0, 8}},
                         {{1}, 0, {70}}};
  const std::pair<Shape, Shape> kSlices[] = {
      {{7}, {1}},          {{7}, {40, 1}},   {{5, 17}, {9, 2}},      {{5, 17}, {8, 1}},
      {{2, 3, 5}, {0, 2}}, {{4, 0}, {3, 1}}, {{2, 3, 33}, {2, 2, 2}}};
  for (const char* kind : {"set", "add", "mul", "min", "max"}) {
    const std::string text(kind);
    const bool arithmetic = text == "add" || text == "mul";
    if (arithmetic && b.dtype() == DType::bool_) continue;
    for (const DType index : kIndexTypes) {
      if (b.op() == Op::scatter_elements) {
        for (const auto& c : kElements) {
          const std::int64_t below = c.x[static_cast<std::size_t>(c.axis)];
          b.Add({{b.TypeOf(c.x)}, b.Indices(index, c.indices, below), {b.TypeOf(c.indices)}},
                {{Attr::axis, c.axis}, {Attr::kind, text}});
        }
        b.Add({{b.TypeOf({5, 17})}, b.Indices(index, {5, 6}, 17, true), {b.TypeOf({5, 6})}},
              {{Attr::axis, std::int64_t{1}}, {Attr::kind, text}});
        continue;
      }
      for (const auto& [x, indices] : kSlices) {
        Shape updates;
        for (std::size_t d = 0; d + 1 < indices.size(); ++d) updates.push_back(indices[d]);
        for (auto d = static_cast<std::size_t>(indices.back()); d < x.size(); ++d) updates.push_back(x[d]);
        b.Add({{b.TypeOf(x)}, deep_indices(b, index, indices, x, 0), {b.TypeOf(updates)}},
              {{Attr::kind, text}});
      }
      b.Add({{b.TypeOf({5, 17})}, b.Indices(index, {3, 1}, 5, true), {b.TypeOf({3, 17})}},
            {{Attr::kind, text}});
    }
  }
}

void add_dynamic_slices(CaseBuilder& b) {
  const bool update = b.op() == Op::dynamic_update_slice;
  const std::pair<Shape, Shape> kCases[] = {{{}, {}},        {{7}, {3}},        {{7}, {0}},
                                            {{7}, {7}},      {{5, 17}, {2, 9}}, {{2, 3, 5}, {1, 3, 2}},
                                            {{0, 3}, {0, 2}}};
  for (const DType index : kIndexTypes) {
    for (const auto& [x, sizes] : kCases) {
      for (const std::int64_t start : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-5}, std::int64_t{1000},
                                       std::int64_t{-2147483648}, std::int64_t{2147483647}}) {
        std::vector<Operand> operands = {{b.TypeOf(x)}};
        if (update) operands.push_back({b.TypeOf(sizes)});
        for (int d = 0; d < x.rank(); ++d) operands.push_back(b.Integer(index, d == 1 ? 1 : start));
        if (update) {
          b.Add(operands);
        } else {
          b.Add(operands, {{Attr::sizes, Dims(sizes.begin(), sizes.end())}});
        }
      }
    }
  }
}

void add_reorders(CaseBuilder& b) {
  struct {
    Shape shape;
    const char* layout;
  } const kCases[] = {{{0, 4}, "aB2b"},
                      {{33}, "A16a"},
                      {{2, 16, 3, 3}, "aBcd8b"},
                      {{2, 20, 5, 7}, "aBcd8b"},
                      {{1, 32, 9, 13}, "aBcd16b"},
                      {{3, 40, 21}, "aBc16b"},
                      {{1, 19, 2, 3, 3}, "aBcde16b"},
                      {{2, 5, 4, 6}, "acdb"},
                      {{20, 33}, "BA8a2b"}};
  for (const auto& c : kCases) {
    const ir::Type blocked = b.TypeOf(ir::Layout::Parse(c.layout)->Blocked(c.shape));
    const auto attributes = [&](bool backward) {
      return ir::Attributes{{Attr::layout, ir::name_reordering(c.shape.rank(), c.layout, backward)}};
    };
    b.Add({{b.TypeOf(c.shape)}}, attributes(false));
    b.Add({{blocked}}, attributes(true), {b.TypeOf(c.shape)});
  }
}

}  // namespace

void add_view_cases(CaseBuilder& b) {
  switch (b.op()) {
    case Op::reshape: return add_reshapes(b);
    case Op::broadcast: return add_broadcasts(b);
    case Op::transpose: return add_transposes(b);
    case Op::slice: return add_slices(b);
    case Op::reverse: return add_reverses(b);
    default: return;
  }
}

void add_movement_cases(CaseBuilder& b) {
  switch (b.op()) {
    case Op::pad: return add_pads(b);
    case Op::concat: return add_concats(b);
    case Op::reorder: return add_reorders(b);
    case Op::gather: return add_gathers(b);
    case Op::gather_elements: return add_element_gathers(b);
    case Op::gather_nd: return add_deep_gathers(b);
    case Op::scatter_elements:
    case Op::scatter_nd: return add_scatters(b);
    case Op::dynamic_slice:
    case Op::dynamic_update_slice: return add_dynamic_slices(b);
    default: return;
  }
}

}  // namespace leat::testing
