#include "compiler/library_epilogue.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "compiler/gpu_library.h"
#include "compiler/passes/contraction_views.h"
#include "compiler/passes/convolution_form.h"
#include "compiler/passes/passes.h"

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Node;
using ir::Op;
using ir::Value;
using runtime::cuda::LtEpilogue;

Status no_epilogue(std::string why) { return Status(Code::unimplemented, std::move(why)); }

class EpilogueMatcher {
 public:
  EpilogueMatcher(const ir::Graph& body, std::uint32_t product, std::int64_t columns)
      : body_(body),
        product_(body.parameters[product]),
        dtype_(body.nodes[product_].type().dtype),
        elements_(body.nodes[product_].type().shape.num_elements()),
        columns_(columns) {}

  StatusOr<LibraryEpilogue> Match() {
    if (body_.outputs.size() != 1) return no_epilogue("the kernel has several results");
    const Value out = body_.outputs[0];
    if (body_.type(out).dtype != dtype_ || body_.type(out).shape.num_elements() != elements_)
      return no_epilogue("the kernel's result is no array like the product");
    Value sum = Behind(out);
    LtEpilogue::Activation& activation = found_.form.activation;
    if (const std::optional<Value> x = ReluOf(sum)) {
      sum = *x;
      activation = LtEpilogue::Activation::relu;
    } else if (const std::optional<Value> y = GeluOf(sum)) {
      sum = *y;
      activation = LtEpilogue::Activation::gelu;
    }
    if (Status s = AddTerms(sum); !s.ok()) return s;
    if (!product_seen_ || !found_.form.any()) return no_epilogue("the kernel adds nothing to the product");
    return found_;
  }

 private:
  const Node& At(Value v) const { return body_.nodes[v.node]; }

  /// Behind reshapes, which keep the order of elements, and behind the roundings that the library does not
  /// do: f16 and bf16 widened to f32, and back.
  Value Behind(Value v) const {
    const auto between = [&](DType t) { return t == dtype_ || t == DType::f32; };
    const bool narrow = dtype_ == DType::f16 || dtype_ == DType::bf16;
    while (At(v).op == Op::reshape || (At(v).op == Op::convert && narrow && between(body_.type(v).dtype) &&
                                       between(body_.type(At(v).inputs[0]).dtype))) {
      v = At(v).inputs[0];
    }
    return v;
  }

  /// The number that every element is, where that is a constant.
  std::optional<double> Number(Value v) const {
    while (At(v).op == Op::broadcast || At(v).op == Op::convert || At(v).op == Op::reshape)
      v = At(v).inputs[0];
    if (At(v).op != Op::constant || At(v).type().shape.num_elements() != 1) return std::nullopt;
    const ir::Literal& literal = At(v).attrs().literal(Attr::value);
    return visit_dtype(literal.type.dtype, [&](auto zero) {
      const auto value = literal.first<decltype(zero)>();
      if constexpr (std::is_arithmetic_v<decltype(zero)>) return static_cast<double>(value);
      return static_cast<double>(static_cast<float>(value));
    });
  }
  /// Constants of the graph are rounded to f32, or to what the formula was written in.
  static bool Near(double x, double y) { return std::fabs(x - y) <= 1e-6 * std::fabs(y); }

  std::optional<Value> ReluOf(Value v) const {
    if (At(v).op != Op::maximum) return std::nullopt;
    for (const int zero : {0, 1}) {
      const auto k = static_cast<std::size_t>(zero);
      if (Number(At(v).inputs[k]) == 0.0) return Behind(At(v).inputs[1 - k]);
    }
    return std::nullopt;
  }

  /// A product of many factors, however it is bracketed.
  struct Factors {
    double number = 1;
    std::vector<Value> others;
  };
  Factors FactorsOf(Value v) const {
    Factors all;
    std::vector<Value> open = {v};
    while (!open.empty() && all.others.size() < 8) {
      const Value next = Behind(open.back());
      open.pop_back();
      if (const std::optional<double> number = Number(next)) {
        all.number *= *number;
      } else if (At(next).op == Op::mul) {
        open.insert(open.end(), At(next).inputs.begin(), At(next).inputs.end());
      } else if (At(next).op == Op::pow && Number(At(next).inputs[1]) == 3.0) {
        all.others.insert(all.others.end(), 3, Behind(At(next).inputs[0]));
      } else {
        all.others.push_back(next);
      }
    }
    return all;
  }

  /// x of 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
  std::optional<Value> GeluOf(Value v) const {
    const Factors outer = FactorsOf(v);
    if (outer.others.size() != 2 || !Near(outer.number, 0.5)) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      const Value x = outer.others[1 - k];
      const std::optional<Value> tanh = OtherTerm(outer.others[k], 1.0);
      if (!tanh || At(*tanh).op != Op::tanh) continue;
      const Factors inner = FactorsOf(At(*tanh).inputs[0]);
      if (inner.others.size() != 1 || !Near(inner.number, 0.7978845608028654)) continue;
      const Node& sum = At(inner.others[0]);
      for (const std::size_t j : {0, 1}) {
        if (sum.op != Op::add || Behind(sum.inputs[j]) != x) continue;
        const Factors cube = FactorsOf(sum.inputs[1 - j]);
        if (Near(cube.number, 0.044715) && cube.others == std::vector<Value>(3, x)) return x;
      }
    }
    return std::nullopt;
  }
  /// a of a + number.
  std::optional<Value> OtherTerm(Value v, double number) const {
    if (At(v).op != Op::add) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      if (Number(At(v).inputs[k]) == number) return Behind(At(v).inputs[1 - k]);
    }
    return std::nullopt;
  }

  /// The terms of a sum: the product, a bias and a residual, in any order and each at most once.
  Status AddTerms(Value v) {
    v = Behind(v);
    const Node& node = At(v);
    if (node.op == Op::add) {
      if (Status s = AddTerms(node.inputs[0]); !s.ok()) return s;
      return AddTerms(node.inputs[1]);
    }
    if (v.node == product_) {
      if (std::exchange(product_seen_, true)) return no_epilogue("the kernel adds the product twice");
      return {};
    }
    if (node.op == Op::parameter && node.type().dtype == dtype_ &&
        node.type().shape.num_elements() == elements_) {
      if (std::exchange(found_.form.residual, true)) return no_epilogue("cuBLASLt adds one residual");
      found_.residual = Parameter(v);
      return {};
    }
    if (node.op == Op::broadcast && IsBias(node)) {
      if (std::exchange(found_.form.bias, true)) return no_epilogue("cuBLASLt adds one bias");
      found_.bias = Parameter(Behind(node.inputs[0]));
      return {};
    }
    const bool gelu =
        std::any_of(body_.nodes.begin(), body_.nodes.end(), [](const Node& n) { return n.op == Op::erf; });
    if (gelu) return no_epilogue("gelu by erf is not cuBLASLt's, which goes by tanh");
    return no_epilogue("cuBLASLt has no epilogue with " + std::string(ir::name(node.op)));
  }

  /// A number for each column of the product: of the last dimension of the result.
  bool IsBias(const Node& broadcast) const {
    const Value source = Behind(broadcast.inputs[0]);
    const ir::Type& bias = At(source).type();
    const Shape &from = body_.type(broadcast.inputs[0]).shape, &to = broadcast.type().shape;
    const std::vector<std::int64_t>& dims = broadcast.attrs().integers(Attr::dims);
    return At(source).op == Op::parameter && bias.dtype == dtype_ && bias.shape.num_elements() == columns_ &&
           !dims.empty() && dims.back() == to.rank() - 1 && from[from.size() - 1] == columns_ &&
           to[to.size() - 1] == columns_;
  }

  std::uint32_t Parameter(Value v) const {
    const auto at = std::find(body_.parameters.begin(), body_.parameters.end(), v.node);
    return static_cast<std::uint32_t>(at - body_.parameters.begin());
  }

  const ir::Graph& body_;
  const std::uint32_t product_;  // a node
  const DType dtype_;
  const std::int64_t elements_, columns_;
  bool product_seen_ = false;
  LibraryEpilogue found_;
};

}  // namespace

StatusOr<LibraryEpilogue> match_library_epilogue(const ir::Graph& body, std::uint32_t product,
                                                 std::int64_t columns) {
  return EpilogueMatcher(body, product, columns).Match();
}

StatusOr<std::vector<PlannedEpilogue>> plan_library_epilogues(const ir::Graph& graph,
                                                              const CompileOptions& options,
                                                              const std::vector<std::uint16_t>& device) {
  std::vector<PlannedEpilogue> planned;
  const bool no_gpu = std::none_of(options.devices.begin(), options.devices.end(),
                                   [](const DeviceDescription& d) { return d.gpu.has_value(); });
  if (no_gpu || !options.fuse) return planned;
  std::vector<FusionBoundary> none;
  std::vector<FusionBoundary>& boundaries = options.boundaries != nullptr ? *options.boundaries : none;
  const std::vector<std::uint32_t> only_reader = find_only_readers(graph);
  std::vector<bool> taken(graph.nodes.size());
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (node.op != Op::dot_general || !options.devices[device[n]].gpu) continue;
    if (node.type().shape.num_elements() == 0) continue;
    std::uint32_t product = n, reader = only_reader[n];
    for (; reader != kNoReader && graph.nodes[reader].op == Op::reshape; reader = only_reader[reader])
      product = reader;
    if (reader == kNoReader || graph.nodes[reader].op != Op::fused || device[reader] != device[n]) continue;
    const auto& inputs = graph.nodes[reader].inputs;
    const auto at = std::find(inputs.begin(), inputs.end(), Value{product, 0}) - inputs.begin();
    MatmulForm form = describe_matmul(graph, node);
    form.descriptor.exact = options.exact_contractions;
    StatusOr<LibraryEpilogue> epilogue = match_library_epilogue(
        graph.nodes[reader].attrs().graph(Attr::body), static_cast<std::uint32_t>(at), form.descriptor.n);
    if (epilogue.ok() && taken[reader]) epilogue = no_epilogue("the kernel is that of another product");
    if (epilogue.ok() && !options.library_epilogues && !form.descriptor.exact) {
      epilogue = no_epilogue("cuBLASLt's " + epilogue->form.ToString() +
                             " has other bits, and library_epilogues does not allow it");
    }
    const auto between = [&](const FusionBoundary& b) {
      return b.reader == reader && (b.producer == n || b.producer == product);
    };
    Status why = epilogue.status();
    if (why.ok()) {
      auto plan = plan_lt_matmul(options, device[n], form.descriptor, epilogue->form);
      why = plan.status();
      if (plan.ok()) {
        planned.push_back({n, reader, *std::move(plan), *epilogue});
        taken[reader] = true;
        std::erase_if(boundaries, between);
        continue;
      }
      if (why.code() != Code::not_found && why.code() != Code::unimplemented) return why;
    }
    for (FusionBoundary& b : boundaries) {
      if (between(b)) b.why = "it is no epilogue of the product: " + why.message();
    }
  }
  return planned;
}

}  // namespace leat::compiler
