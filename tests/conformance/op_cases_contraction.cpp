// Contractions: every layout of the operands, edges of the tiles, nothing to sum.
#include "tests/conformance/case_builder.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Op;

void add_dots(CaseBuilder& b) {
  struct {
    Shape x, y;
    Dims batch_x, batch_y, contract_x, contract_y;
  } const kCases[] = {
      {{}, {}, {}, {}, {}, {}},
      {{7}, {7}, {}, {}, {0}, {0}},
      {{7}, {5}, {}, {}, {}, {}},  // the outer product
      {{3, 4}, {4, 5}, {}, {}, {1}, {0}},
      {{3, 4}, {5, 4}, {}, {}, {1}, {1}},
      {{4, 3}, {4, 5}, {}, {}, {0}, {0}},
      {{4, 3}, {5, 4}, {}, {}, {0}, {1}},
      {{1, 33}, {33, 1}, {}, {}, {1}, {0}},
      {{33, 65}, {65, 35}, {}, {}, {1}, {0}},
      {{17, 3}, {3, 130}, {}, {}, {1}, {0}},
      {{6, 300}, {300, 7}, {}, {}, {1}, {0}},
      {{3, 0}, {0, 5}, {}, {}, {1}, {0}},
      {{0, 4}, {4, 5}, {}, {}, {1}, {0}},
      {{2, 3, 4}, {2, 4, 5}, {0}, {0}, {2}, {1}},
      {{3, 2, 4}, {5, 4, 2}, {1}, {2}, {2}, {1}},
      {{2, 3, 4}, {3, 4, 5}, {}, {}, {1, 2}, {0, 1}},
      {{2, 3, 4}, {4, 5, 3}, {}, {}, {1, 2}, {2, 0}},
      {{2, 3, 4, 5}, {2, 3, 5, 6}, {0, 1}, {0, 1}, {3}, {2}},
  };
  for (const auto& c : kCases) {
    const ir::Attributes attributes{{Attr::batch_x, c.batch_x},
                                    {Attr::batch_y, c.batch_y},
                                    {Attr::contract_x, c.contract_x},
                                    {Attr::contract_y, c.contract_y}};
    b.Add({{b.TypeOf(c.x), Access::dense, Values::domain}, {b.TypeOf(c.y), Access::dense, Values::domain}},
          attributes);
    b.Add({{b.TypeOf(c.x)}, {b.TypeOf(c.y)}}, attributes);
  }
  const ir::Attributes matmul{{Attr::batch_x, Dims{}},
                              {Attr::batch_y, Dims{}},
                              {Attr::contract_x, Dims{1}},
                              {Attr::contract_y, Dims{0}}};
  for (int access = 1; access < kAccessCount; ++access) {
    b.Add({{b.TypeOf({9, 20}), static_cast<Access>(access), Values::domain},
           {b.TypeOf({20, 11}), Access::dense, Values::domain}},
          matmul);
    b.Add({{b.TypeOf({9, 20}), Access::dense, Values::domain},
           {b.TypeOf({20, 11}), static_cast<Access>(access), Values::domain}},
          matmul);
  }
  const ir::Array weights = b.Array(b.TypeOf({20, 11}), Values::domain);
  b.Add({{b.TypeOf({9, 20})}, {weights.type, Access::constant, Values::mixed, weights}}, matmul);
}

void add_convolutions(CaseBuilder& b) {
  struct {
    Shape x, w;
    Dims strides, low, high, input_dilation, dilation;
    std::int64_t groups;
  } const kCases[] = {
      {{1, 1, 5}, {1, 1, 3}, {1}, {0}, {0}, {1}, {1}, 1},
      {{2, 3, 17}, {4, 3, 3}, {2}, {1}, {2}, {1}, {1}, 1},
      {{1, 4, 9}, {6, 2, 3}, {1}, {2}, {2}, {1}, {2}, 2},
      {{1, 2, 5}, {3, 2, 3}, {1}, {2}, {2}, {2}, {1}, 1},  // transposed
      {{1, 3, 9, 11}, {5, 3, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {{2, 8, 7, 7}, {16, 8, 1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, 1},
      {{1, 4, 8, 9}, {4, 1, 3, 2}, {2, 1}, {1, 0}, {0, 1}, {1, 1}, {1, 1}, 4},  // depthwise
      {{1, 3, 6, 6}, {8, 3, 2, 2}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, {2, 2}, 1},
      {{1, 2, 3, 4}, {3, 2, 3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 3}, {1, 1}, 1},
      {{1, 2, 4, 5, 6}, {3, 2, 2, 3, 3}, {1, 2, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}, {1, 1, 1}, 1},
      {{0, 2, 5}, {3, 2, 3}, {1}, {0}, {0}, {1}, {1}, 1},
      {{2, 0, 5}, {3, 0, 3}, {1}, {0}, {0}, {1}, {1}, 1},  // nothing to sum
  };
  for (const auto& c : kCases) {
    const ir::Attributes attributes{{Attr::strides, c.strides},   {Attr::low, c.low},
                                    {Attr::high, c.high},         {Attr::input_dilation, c.input_dilation},
                                    {Attr::dilation, c.dilation}, {Attr::groups, c.groups}};
    b.Add({{b.TypeOf(c.x), Access::dense, Values::domain}, {b.TypeOf(c.w), Access::dense, Values::domain}},
          attributes);
    const ir::Array w = b.Array(b.TypeOf(c.w), Values::mixed);
    b.Add({{b.TypeOf(c.x)}, {w.type, Access::constant, Values::mixed, w}}, attributes);
  }
}

void add_attentions(CaseBuilder& b) {
  struct {
    Shape q, k, v;
  } const kCases[] = {{{1, 1}, {1, 1}, {1, 1}},
                      {{3, 4}, {5, 4}, {5, 6}},
                      {{2, 3, 9, 16}, {2, 3, 11, 16}, {2, 3, 11, 8}},
                      {{2, 33, 17}, {2, 70, 17}, {2, 70, 17}},
                      {{0, 4}, {5, 4}, {5, 6}},
                      {{3, 4}, {0, 4}, {0, 6}},
                      {{3, 0}, {5, 0}, {5, 2}}};
  for (const auto& c : kCases) {
    for (int form = 0; form < 4; ++form) {
      std::vector<Operand> operands = {{b.TypeOf(c.q), Access::dense, Values::domain},
                                       {b.TypeOf(c.k), Access::dense, Values::domain},
                                       {b.TypeOf(c.v), Access::dense, Values::domain}};
      if (form == 3) {
        for (Operand& operand : operands) operand.values = Values::mixed;
      }
      if (form == 2) {
        Shape mask = c.q;
        mask[mask.size() - 1] = c.k[c.k.size() - 2];
        operands.push_back({b.TypeOf(mask)});
      }
      b.Add(operands, {{Attr::scale, 0.25}, {Attr::causal, form == 1}});
    }
  }
}

}  // namespace

void add_contraction_cases(CaseBuilder& b) {
  switch (b.op()) {
    case Op::dot_general: return add_dots(b);
    case Op::convolution: return add_convolutions(b);
    case Op::attention: return add_attentions(b);
    default: return;
  }
}

}  // namespace leat::testing
