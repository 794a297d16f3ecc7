// Reductions, arg reductions, scans, windows, and order.
#include "tests/conformance/case_builder.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Op;

}  // namespace

void add_reduce_cases(CaseBuilder& b) {
  // Around the 64 lanes, the 64 rows and the 4,096 elements of the fixed shapes (ir/meaning/reduction.h).
  const std::pair<Shape, Dims> kCases[] = {{{}, {}},
                                           {{7}, {}},
                                           {{0}, {0}},
                                           {{1}, {0}},
                                           {{63}, {0}},
                                           {{64}, {0}},
                                           {{130}, {0}},
                                           {{4096}, {0}},
                                           {{9001}, {0}},
                                           {{3, 257}, {1}},
                                           {{257, 3}, {0}},
                                           {{5, 17}, {0, 1}},
                                           {{64, 33}, {0}},
                                           {{129, 40}, {0}},
                                           {{4, 5, 6}, {0, 2}},
                                           {{4, 5, 6}, {1}},
                                           {{4, 5, 70}, {2}},
                                           {{0, 3}, {0}},
                                           {{0, 3}, {1}},
                                           {{3, 0}, {1}},
                                           {{1, 1}, {0}},
                                           {{2, 3, 4, 5}, {0, 1}},
                                           {{2, 3, 4, 5}, {1, 3}}};
  for (const auto& [shape, dims] : kCases) {
    b.Add({{b.TypeOf(shape), Access::dense, Values::domain}}, {{Attr::dims, dims}});
    b.Add({{b.TypeOf(shape)}}, {{Attr::dims, dims}});
  }
  b.Add({{b.TypeOf({70}), Access::dense, Values::specials}}, {{Attr::dims, Dims{0}}});
  for (int access = 1; access < kAccessCount; ++access) {
    b.Add({{b.TypeOf({6, 70}), static_cast<Access>(access), Values::domain}}, {{Attr::dims, Dims{1}}});
    b.Add({{b.TypeOf({70, 6}), static_cast<Access>(access), Values::domain}}, {{Attr::dims, Dims{0}}});
  }
}

void add_ordered_cases(CaseBuilder& b) {
  const std::pair<Shape, std::int64_t> kAxes[] = {{{1}, 0},       {{7}, 0},     {{130}, 0},
                                                  {{5, 17}, 0},   {{5, 17}, 1}, {{0, 3}, 1},
                                                  {{2, 3, 5}, 1}, {{33, 4}, 0}, {{3, 700}, 1}};
  switch (b.info().family) {
    case ir::Family::arg_reduce:
      for (const auto& [shape, axis] : kAxes) {
        b.Add({{b.TypeOf(shape), Access::dense, Values::domain}}, {{Attr::axis, axis}});
        b.Add({{b.TypeOf(shape)}}, {{Attr::axis, axis}});
      }
      b.Add({{b.TypeOf({4, 33}), Access::transposed}}, {{Attr::axis, std::int64_t{1}}});
      b.Add({{b.TypeOf({4, 33}), Access::scalar}}, {{Attr::axis, std::int64_t{1}}});  // all are equal
      return;
    case ir::Family::cumulative:
      for (const auto& [shape, axis] : kAxes) {
        for (int way = 0; way < 4; ++way) {
          b.Add({{b.TypeOf(shape), Access::dense, Values::domain}},
                {{Attr::axis, axis}, {Attr::exclusive, way % 2 != 0}, {Attr::backward, way / 2 != 0}});
        }
        b.Add({{b.TypeOf(shape)}}, {{Attr::axis, axis}});
      }
      b.Add({{b.TypeOf({0}), Access::dense}}, {{Attr::axis, std::int64_t{0}}, {Attr::exclusive, true}});
      b.Add({{b.TypeOf({5, 17}), Access::transposed}}, {{Attr::axis, std::int64_t{1}}});
      return;
    case ir::Family::window: {
      struct {
        Shape shape;
        Dims window, strides, low, high, dilation;
      } const kCases[] = {
          {{}, {}, {}, {}, {}, {}},
          {{9}, {3}, {1}, {0}, {0}, {1}},
          {{9}, {1}, {2}, {0}, {0}, {1}},
          {{9}, {3}, {2}, {2}, {1}, {2}},
          {{2}, {3}, {1}, {4}, {4}, {1}},  // some windows see only padding
          {{5, 17}, {2, 3}, {1, 2}, {0, 1}, {1, 1}, {1, 1}},
          {{1, 2, 9, 35}, {1, 1, 3, 3}, {1, 1, 2, 2}, {0, 0, 1, 1}, {0, 0, 1, 1}, {1, 1, 1, 1}},
          {{1, 3, 8, 16}, {1, 1, 2, 2}, {1, 1, 2, 2}, {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}},
          {{2, 0, 4}, {1, 1, 2}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}}};
      for (const char* kind : {"sum", "max", "min"}) {
        for (const auto& c : kCases) {
          const ir::Attributes attributes{{Attr::kind, std::string(kind)},
                                          {Attr::window, c.window},
                                          {Attr::strides, c.strides},
                                          {Attr::low, c.low},
                                          {Attr::high, c.high},
                                          {Attr::dilation, c.dilation}};
          b.Add({{b.TypeOf(c.shape), Access::dense, Values::domain}}, attributes);
          b.Add({{b.TypeOf(c.shape)}}, attributes);
        }
      }
      return;
    }
    default: break;
  }
  if (b.op() == Op::sort) {
    for (const auto& [shape, axis] : kAxes) {
      for (const bool descending : {false, true}) {
        const ir::Attributes attributes{{Attr::axis, axis}, {Attr::descending, descending}};
        b.Add({{b.TypeOf(shape)}}, attributes);
        b.Add({{b.TypeOf(shape), Access::dense, Values::domain}, {{DType::i32, shape}}, {b.TypeOf(shape)}},
              attributes);
      }
    }
    b.Add({{b.TypeOf({0})}}, {{Attr::axis, std::int64_t{0}}});
    b.Add({{b.TypeOf({60}), Access::dense, Values::specials}, {{DType::i64, {60}}}},
          {{Attr::axis, std::int64_t{0}}});
    return;
  }
  if (b.op() != Op::top_k) return;
  const std::pair<Shape, std::int64_t> kCases[] = {{{7}, 0},    {{7}, 1},    {{7}, 7},        {{5, 130}, 9},
                                                   {{0, 4}, 2}, {{3, 0}, 0}, {{2, 3, 33}, 32}};
  for (const auto& [shape, k] : kCases) {
    for (const bool least : {false, true}) b.Add({{b.TypeOf(shape)}}, {{Attr::k, k}, {Attr::least, least}});
  }
  b.Add({{b.TypeOf({60}), Access::dense, Values::specials}}, {{Attr::k, std::int64_t{60}}});
  b.Add({{b.TypeOf({4, 33}), Access::scalar}}, {{Attr::k, std::int64_t{5}}});  // all are equal
}

}  // namespace leat::testing
