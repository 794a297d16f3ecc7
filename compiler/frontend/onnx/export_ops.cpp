// What each op is in ONNX, operator set 18.
#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/onnx/exporter.h"
#include "leat/status.h"

namespace leat::onnx {
namespace {

using ir::Attr;
using ir::Op;

[[noreturn]] void refuse(std::string what) { throw Error(Status(Code::unimplemented, std::move(what))); }

// Ops that are one operator, operands and meaning alike; null for the others.
const char* same_operator(Op op) {
  switch (op) {
    case Op::neg: return "Neg";
    case Op::abs: return "Abs";
    case Op::sign: return "Sign";
    case Op::add: return "Add";
    case Op::sub: return "Sub";
    case Op::mul: return "Mul";
    case Op::div: return "Div";
    case Op::minimum: return "Min";
    case Op::maximum: return "Max";
    case Op::floor: return "Floor";
    case Op::ceil: return "Ceil";
    case Op::round_even: return "Round";
    case Op::sqrt: return "Sqrt";
    case Op::pow: return "Pow";
    case Op::exp: return "Exp";
    case Op::log: return "Log";
    case Op::sin: return "Sin";
    case Op::cos: return "Cos";
    case Op::tan: return "Tan";
    case Op::asin: return "Asin";
    case Op::acos: return "Acos";
    case Op::atan: return "Atan";
    case Op::sinh: return "Sinh";
    case Op::cosh: return "Cosh";
    case Op::tanh: return "Tanh";
    case Op::asinh: return "Asinh";
    case Op::acosh: return "Acosh";
    case Op::atanh: return "Atanh";
    case Op::sigmoid: return "Sigmoid";
    case Op::erf: return "Erf";
    case Op::equal: return "Equal";
    case Op::less: return "Less";
    case Op::less_equal: return "LessOrEqual";
    case Op::greater: return "Greater";
    case Op::greater_equal: return "GreaterOrEqual";
    case Op::is_nan: return "IsNaN";
    case Op::select: return "Where";
    case Op::copy: return "Identity";
    default: return nullptr;
  }
}

// Padding with (step - 1) values between neighbours, by reshapes: [n] -> [n, 1] -> [n, step] -> [n * step] ->
// the first (n - 1) * step + 1.
Name spread(Exporter& e, Name x, Shape* shape, std::size_t d, std::int64_t step, const Name& value) {
  if (step <= 1 || (*shape)[d] == 0) return x;
  Shape apart;
  for (std::size_t i = 0; i < shape->size(); ++i) {
    apart.push_back((*shape)[i]);
    if (i == d) apart.push_back(1);
  }
  Extents pads(2 * apart.size(), 0);
  pads[apart.size() + d + 1] = step - 1;
  x = e.Add("Pad", {e.Reshape(x, apart), e.Integers(pads), value});
  const std::int64_t n = (*shape)[d];
  (*shape)[d] = n * step;
  x = e.Reshape(x, *shape);
  (*shape)[d] = (n - 1) * step + 1;
  return e.Add("Slice",
               {x, e.Integers({0}), e.Integers({(*shape)[d]}), e.Integers({static_cast<std::int64_t>(d)})});
}

NameList export_pad(Exporter& e, const Shape& x, const ir::Node& node, const NameList& in) {
  Name y = in[0];
  Shape shape = x;
  const Extents& interior = node.attrs().integers(Attr::interior);
  for (std::size_t d = 0; d < interior.size(); ++d) y = spread(e, y, &shape, d, interior[d] + 1, in[1]);
  Extents pads = node.attrs().integers(Attr::low);
  const Extents& high = node.attrs().integers(Attr::high);
  pads.insert(pads.end(), high.begin(), high.end());
  if (std::all_of(pads.begin(), pads.end(), [](std::int64_t p) { return p == 0; }))
    return {e.Add("Identity", {y})};
  return {e.Add("Pad", {y, e.Integers(pads), in[1]})};
}

NameList export_slice(Exporter& e, const Extents& starts, const Extents& limits, const Extents& steps,
                      const Name& x) {
  Extents axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  return {e.Add("Slice", {x, e.Integers(starts), e.Integers(limits), e.Integers(axes), e.Integers(steps)})};
}

// [batch, m, k] x [batch, k, n], by transposes and reshapes.
NameList export_dot(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  const auto side = [&](std::size_t i, Attr batch_attr, Attr contract_attr, bool contracted_first) {
    const Shape& shape = graph.type(node.inputs[i]).shape;
    const Extents &batch = node.attrs().integers(batch_attr),
                  &contract = node.attrs().integers(contract_attr);
    Extents free;
    for (std::int64_t d = 0; d < static_cast<std::int64_t>(shape.size()); ++d) {
      const bool other = std::find(batch.begin(), batch.end(), d) != batch.end() ||
                         std::find(contract.begin(), contract.end(), d) != contract.end();
      if (!other) free.push_back(d);
    }
    Extents order = batch;
    for (const Extents* part : {contracted_first ? &contract : &free, contracted_first ? &free : &contract}) {
      order.insert(order.end(), part->begin(), part->end());
    }
    const auto product = [&](const Extents& dims) {
      std::int64_t n = 1;
      for (const std::int64_t d : dims) n *= shape[static_cast<std::size_t>(d)];
      return n;
    };
    const std::int64_t rows = product(contracted_first ? contract : free),
                       columns = product(contracted_first ? free : contract);
    Name x = e.Transpose(in[i], order);
    const Shape matrix = batch.empty() ? Shape{rows, columns} : Shape{product(batch), rows, columns};
    Shape now;
    for (const std::int64_t d : order) now.push_back(shape[static_cast<std::size_t>(d)]);
    return now == matrix ? x : e.Reshape(x, matrix);
  };
  const Name x = side(0, Attr::batch_x, Attr::contract_x, false);
  const Name y = side(1, Attr::batch_y, Attr::contract_y, true);
  return {e.Reshape(e.Add("MatMul", {x, y}), node.type().shape)};
}

NameList export_convolution(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  Shape shape = graph.type(node.inputs[0]).shape;
  Name x = in[0];
  const Extents &low = node.attrs().integers(Attr::low), &high = node.attrs().integers(Attr::high);
  const Extents& spread_by = node.attrs().integers(Attr::input_dilation);
  for (std::size_t d = 0; d < spread_by.size(); ++d) {
    if (spread_by[d] > 1) x = spread(e, x, &shape, d + 2, spread_by[d], e.Scalar(node.type().dtype, 0));
  }
  Extents pads = low;
  pads.insert(pads.end(), high.begin(), high.end());
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p < 0; })) {
    Extents crop(4 + pads.size(), 0);
    const std::size_t n = low.size();
    for (std::size_t d = 0; d < n; ++d) {
      crop[2 + d] = std::min<std::int64_t>(low[d], 0);
      crop[4 + n + d] = std::min<std::int64_t>(high[d], 0);
    }
    x = e.Add("Pad", {x, e.Integers(crop), e.Scalar(node.type().dtype, 0)});
    for (std::int64_t& p : pads) p = std::max<std::int64_t>(p, 0);
  }
  const Shape& w = graph.type(node.inputs[1]).shape;
  return {e.Add("Conv", {x, in[1]},
                {attribute("kernel_shape", Extents(w.begin() + 2, w.end())),
                 attribute("strides", node.attrs().integers(Attr::strides)), attribute("pads", pads),
                 attribute("dilations", node.attrs().integers(Attr::dilation)),
                 attribute("group", node.attrs().integer(Attr::groups))})};
}

// softmax(q k^T * scale + mask) v as PyTorch would write it: rounded otherwise than the op.
NameList export_attention(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  const ir::Type &q = graph.type(node.inputs[0]), &k = graph.type(node.inputs[1]);
  Extents swap(k.shape.size());
  std::iota(swap.begin(), swap.end(), 0);
  std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
  Name scores = e.Add("MatMul", {in[0], e.Transpose(in[1], swap)});
  scores = e.Add("Mul", {scores, e.Scalar(q.dtype, node.attrs().real(Attr::scale))});
  if (in.size() > 3) {
    const bool keep = graph.type(node.inputs[3]).dtype == DType::bool_;
    const Name lowest = e.Scalar(q.dtype, -std::numeric_limits<double>::infinity());
    scores = keep ? e.Add("Where", {in[3], scores, lowest}) : e.Add("Add", {scores, in[3]});
  }
  if (node.attrs().boolean(Attr::causal)) {
    const std::int64_t rows = q.shape[q.shape.size() - 2], columns = k.shape[k.shape.size() - 2];
    std::vector<std::uint8_t> seen(static_cast<std::size_t>(rows * columns));
    for (std::int64_t i = 0; i < rows; ++i) {  // the last query sees every key
      for (std::int64_t j = 0; j < columns; ++j)
        seen[static_cast<std::size_t>(i * columns + j)] = j <= i + (columns - rows) ? 1 : 0;
    }
    scores = e.Add("Where", {e.Constant(ir::make_literal({DType::bool_, {rows, columns}}, seen.data())),
                             scores, e.Scalar(q.dtype, -std::numeric_limits<double>::infinity())});
  }
  return {e.Add("MatMul", {e.Add("Softmax", {scores}, {attribute("axis", -1)}), in[2]})};
}

// MaxPool is of [n, c, spatial...] with at most three spatial dimensions.
NameList export_window(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  const std::string& kind = node.attrs().string(Attr::kind);
  const Shape& shape = graph.type(node.inputs[0]).shape;
  Extents window = node.attrs().integers(Attr::window), strides = node.attrs().integers(Attr::strides),
          low = node.attrs().integers(Attr::low), high = node.attrs().integers(Attr::high),
          dilation = node.attrs().integers(Attr::dilation);
  const bool plain = shape.size() >= 3 && window[0] == 1 && window[1] == 1 && strides[0] == 1 &&
                     strides[1] == 1 && low[0] == 0 && low[1] == 0 && high[0] == 0 && high[1] == 0;
  const std::size_t spatial = plain ? shape.size() - 2 : shape.size();
  if (spatial > 3 || spatial == 0 || !is_float(node.type().dtype)) {
    refuse("a pool over more than three dimensions, or of integers");
  }
  Name x = in[0];
  if (plain) {
    for (Extents* list : {&window, &strides, &low, &high, &dilation})
      list->erase(list->begin(), list->begin() + 2);
  } else {
    Shape image{1, 1};
    for (const std::int64_t extent : shape) image.push_back(extent);
    x = e.Reshape(x, image);
  }
  Extents pads = low;
  pads.insert(pads.end(), high.begin(), high.end());
  std::vector<WireWriter> attributes{attribute("kernel_shape", window), attribute("strides", strides),
                                     attribute("pads", pads)};
  Name y;
  if (kind == "sum") {
    const std::int64_t count =
        std::accumulate(window.begin(), window.end(), std::int64_t{1}, std::multiplies<>());
    const bool dilated = std::any_of(dilation.begin(), dilation.end(), [](std::int64_t d) { return d != 1; });
    if ((count & (count - 1)) != 0 || dilated) {
      refuse("a sum over windows of " + std::to_string(count) + " elements: only its mean, which rounds");
    }
    attributes.push_back(attribute("count_include_pad", 1));
    y = e.Add("Mul", {e.Add("AveragePool", {x}, attributes),
                      e.Scalar(node.type().dtype, static_cast<double>(count))});
  } else {
    attributes.push_back(attribute("dilations", dilation));
    if (kind == "min") x = e.Add("Neg", {x});
    y = e.Add("MaxPool", {x}, attributes);
    if (kind == "min") y = e.Add("Neg", {y});
  }
  return {plain ? y : e.Reshape(y, node.type().shape)};
}

NameList export_scatter(Exporter& e, const ir::Node& node, const NameList& in, bool nd) {
  std::string kind = node.attrs().string(Attr::kind);
  if (kind == "set") kind = "none";
  std::vector<WireWriter> attributes{attribute("reduction", std::string_view(kind))};
  if (!nd) attributes.push_back(attribute("axis", node.attrs().integer(Attr::axis)));
  return {e.Add(nd ? "ScatterND" : "ScatterElements", {in[0], e.Cast(in[1], DType::i64), in[2]}, attributes)};
}

// Each dimension by a gather of the places from its (clamped) start on.
NameList export_dynamic_slice(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  Name x = in[0];
  const Shape& shape = graph.type(node.inputs[0]).shape;
  const Extents& sizes = node.attrs().integers(Attr::sizes);
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    Name start = e.Cast(in[1 + d], DType::i64);
    start = e.Add("Min", {e.Add("Max", {start, e.Scalar(DType::i64, 0)}),
                          e.Scalar(DType::i64, static_cast<double>(shape[d] - sizes[d]))});
    Extents places(static_cast<std::size_t>(sizes[d]));
    std::iota(places.begin(), places.end(), 0);
    x = e.Add("Gather", {x, e.Add("Add", {e.Integers(places), start})},
              {attribute("axis", static_cast<std::int64_t>(d))});
  }
  return {x};
}

NameList export_reduce(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  const Extents& dims = node.attrs().integers(Attr::dims);
  if (dims.empty()) return {e.Add("Identity", {in[0]})};
  const bool logical = graph.type(node.inputs[0]).dtype == DType::bool_;
  const char* op = "ReduceSum";
  switch (node.op) {
    case Op::reduce_sum: break;
    case Op::reduce_prod: op = "ReduceProd"; break;
    case Op::reduce_max: op = "ReduceMax"; break;
    case Op::reduce_min: op = "ReduceMin"; break;
    case Op::reduce_and: op = "ReduceMin"; break;  // of a bool
    default: op = "ReduceMax"; break;              // reduce_or of a bool
  }
  if ((node.op == Op::reduce_and || node.op == Op::reduce_or) && !logical) refuse("reduction of bits");
  const Name x = logical ? e.Cast(in[0], DType::u8) : in[0];
  const Name y = e.Add(op, {x, e.Integers(dims)}, {attribute("keepdims", std::int64_t{0})});
  return {logical ? e.Cast(y, DType::bool_) : y};
}

NameList export_bits(Exporter& e, const ir::Node& node, const NameList& in) {
  const bool logical = node.type().dtype == DType::bool_;
  switch (node.op) {
    case Op::bit_not: return {e.Add(logical ? "Not" : "BitwiseNot", in)};
    case Op::bit_and: return {e.Add(logical ? "And" : "BitwiseAnd", in)};
    case Op::bit_or: return {e.Add(logical ? "Or" : "BitwiseOr", in)};
    case Op::bit_xor: return {e.Add(logical ? "Xor" : "BitwiseXor", in)};
    default: break;
  }
  const DType dtype = node.type().dtype;
  if (dtype != DType::u8 && dtype != DType::u16 && dtype != DType::u32 && dtype != DType::u64) {
    refuse("shift of signed integers");
  }
  return {e.Add("BitShift", in,
                {attribute("direction", std::string_view(node.op == Op::shift_left ? "LEFT" : "RIGHT"))})};
}

NameList export_iota(Exporter& e, const ir::Type& type, std::int64_t axis) {
  const std::int64_t n = type.shape[static_cast<std::size_t>(axis)];
  Name x = e.Add("Range", {e.Scalar(DType::i64, 0), e.Scalar(DType::i64, static_cast<double>(n)),
                           e.Scalar(DType::i64, 1)});
  Shape line;
  for (std::size_t d = 0; d < type.shape.size(); ++d)
    line.push_back(static_cast<std::int64_t>(d) == axis ? n : 1);
  if (type.dtype != DType::i64) x = e.Cast(x, type.dtype);
  return {e.Add("Expand", {e.Reshape(x, line), e.Integers(Extents(type.shape.begin(), type.shape.end()))})};
}

NameList export_broadcast(Exporter& e, const Shape& x, const ir::Node& node, const NameList& in) {
  Shape line;
  for (std::size_t d = 0; d < node.type().shape.size(); ++d) line.push_back(1);
  const Extents& dims = node.attrs().integers(Attr::dims);
  for (std::size_t k = 0; k < dims.size(); ++k) line[static_cast<std::size_t>(dims[k])] = x[k];
  const Name y = line == x ? in[0] : e.Reshape(in[0], line);
  if (line == node.type().shape) return {line == x ? e.Add("Identity", {y}) : y};
  return {e.Add("Expand", {y, e.Integers(Extents(node.type().shape.begin(), node.type().shape.end()))})};
}

// TopK of everything is a stable sort, but says nothing of NaNs, which come last here: they are sorted as if
// they were infinite, and a second stable sort, by whether it is one, brings them to the end.
NameList export_sort(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  const ir::Type& type = graph.type(node.inputs[0]);
  const std::int64_t axis = node.attrs().integer(Attr::axis);
  const Name n = e.Integers({type.shape[static_cast<std::size_t>(axis)]});
  const bool descending = node.attrs().boolean(Attr::descending);
  const auto sorted = [&](const Name& x, bool largest) {
    return e.AddSeveral("TopK", {x, n}, 2,
                        {attribute("axis", axis), attribute("largest", std::int64_t{largest})});
  };
  const auto along = [&](const Name& x, const Name& order) {
    return e.Add("GatherElements", {x, order}, {attribute("axis", axis)});
  };
  Name order;
  if (is_float(type.dtype)) {
    const double last =
        descending ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    const Name nan = e.Add("IsNaN", {in[0]});
    const Name by_value = sorted(e.Add("Where", {nan, e.Scalar(type.dtype, last), in[0]}), descending)[1];
    order = along(by_value, sorted(along(e.Cast(nan, DType::i32), by_value), false)[1]);
  } else {
    order = sorted(in[0], descending)[1];
  }
  NameList results;
  for (const Name& x : in) results.push_back(along(x, order));
  return results;
}

}  // namespace

NameList export_op(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& in) {
  if (const char* const op = same_operator(node.op)) return {e.Add(op, in)};
  const ir::Attributes& a = node.attrs();
  const auto type = [&](std::size_t i) -> const ir::Type& { return graph.type(node.inputs[i]); };
  const auto axis = [&] { return attribute("axis", a.integer(Attr::axis)); };
  switch (node.op) {
    case Op::rem: return {e.Add("Mod", in, {attribute("fmod", 1)})};
    case Op::clamp: return {e.Add("Min", {e.Add("Max", {in[0], in[1]}), in[2]})};
    case Op::trunc: {
      const Name zero = e.Scalar(node.type().dtype, 0);
      return {e.Add("Where", {e.Add("Less", {in[0], zero}), e.Add("Ceil", in), e.Add("Floor", in)})};
    }
    case Op::rsqrt: return {e.Add("Reciprocal", {e.Add("Sqrt", in)})};
    case Op::not_equal: return {e.Add("Not", {e.Add("Equal", in)})};
    case Op::is_finite: return {e.Add("Equal", {e.Add("Sub", {in[0], in[0]}), e.Scalar(type(0).dtype, 0)})};
    case Op::convert: return {e.Cast(in[0], node.type().dtype)};
    case Op::bit_not:
    case Op::bit_and:
    case Op::bit_or:
    case Op::bit_xor:
    case Op::shift_left:
    case Op::shift_right: return export_bits(e, node, in);
    case Op::iota: return export_iota(e, node.type(), a.integer(Attr::axis));
    case Op::reshape: return {e.Reshape(in[0], node.type().shape)};
    case Op::broadcast: return export_broadcast(e, type(0).shape, node, in);
    case Op::transpose: return {e.Add("Transpose", in, {attribute("perm", a.integers(Attr::dims))})};
    case Op::slice:
      return export_slice(e, a.integers(Attr::starts), a.integers(Attr::limits), a.integers(Attr::strides),
                          in[0]);
    case Op::reverse: {
      const Extents& dims = a.integers(Attr::dims);
      if (dims.empty()) return {e.Add("Identity", in)};
      const Extents last(dims.size(), -1), first(dims.size(), std::numeric_limits<std::int64_t>::min());
      return {
          e.Add("Slice", {in[0], e.Integers(last), e.Integers(first), e.Integers(dims), e.Integers(last)})};
    }
    case Op::pad: return export_pad(e, type(0).shape, node, in);
    case Op::concat: return {e.Add("Concat", in, {axis()})};
    case Op::gather: return {e.Add("Gather", {in[0], e.Cast(in[1], DType::i64)}, {axis()})};
    case Op::gather_elements: return {e.Add("GatherElements", {in[0], e.Cast(in[1], DType::i64)}, {axis()})};
    case Op::gather_nd:
      return {e.Add("GatherND", {in[0], e.Cast(in[1], DType::i64)},
                    {attribute("batch_dims", a.integer(Attr::batch_dims))})};
    case Op::scatter_elements: return export_scatter(e, node, in, false);
    case Op::scatter_nd: return export_scatter(e, node, in, true);
    case Op::dynamic_slice: return export_dynamic_slice(e, graph, node, in);
    case Op::reduce_sum:
    case Op::reduce_prod:
    case Op::reduce_max:
    case Op::reduce_min:
    case Op::reduce_and:
    case Op::reduce_or: return export_reduce(e, graph, node, in);
    case Op::arg_max:
    case Op::arg_min:
      return {e.Add(node.op == Op::arg_max ? "ArgMax" : "ArgMin", in,
                    {axis(), attribute("keepdims", std::int64_t{0})})};
    case Op::cumulative_sum:
      return {e.Add("CumSum", {in[0], e.Scalar(DType::i64, static_cast<double>(a.integer(Attr::axis)))},
                    {attribute("exclusive", std::int64_t{a.boolean(Attr::exclusive)}),
                     attribute("reverse", std::int64_t{a.boolean(Attr::backward)})})};
    case Op::reduce_window: return export_window(e, graph, node, in);
    case Op::dot_general: return export_dot(e, graph, node, in);
    case Op::convolution: return export_convolution(e, graph, node, in);
    case Op::attention: return export_attention(e, graph, node, in);
    case Op::sort: return export_sort(e, graph, node, in);
    case Op::top_k:
      return e.AddSeveral("TopK", {in[0], e.Integers({a.integer(Attr::k)})}, 2,
                          {attribute("largest", std::int64_t{!a.boolean(Attr::least)})});
    default: refuse("no operator of set 18, nor several, have its bits");
  }
}

}  // namespace leat::onnx
