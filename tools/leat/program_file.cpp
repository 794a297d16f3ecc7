#include "tools/leat/program_file.h"

#include <charconv>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/frontend/npy_file.h"
#include "ir/inference.h"
#include "ir/parser.h"

namespace leat::tool {
namespace {

StatusOr<std::string> read_text(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(path, std::ios::binary);
  if (!in) return Status(Code::not_found, absl::StrCat(path, ": cannot open: ", std::strerror(errno)));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Philox is the project's random source; the interpreter runs it here as it would in a graph.
StatusOr<ir::Array> fill(const ir::Type& type, const std::string& how, std::uint64_t seed,
                         std::uint64_t ordinal) {
  ir::Graph g("fill");
  const std::uint64_t key[2] = {seed, ordinal << 32};
  const ir::Value k = g.AddConstant(ir::make_literal({DType::u64, {2}}, key));
  const DType real = type.dtype == DType::f64 ? DType::f64 : DType::f32;
  auto scalar = [&](double x) {
    const ir::Literal l = real == DType::f64 ? ir::make_scalar(x) : ir::make_scalar(static_cast<float>(x));
    const ir::Value c = g.AddConstant(l);
    return g
        .Add(ir::Op::broadcast, {c}, {{ir::Attr::dims, std::vector<std::int64_t>{}}}, {{real, type.shape}})
        .value();
  };
  ir::Value v;
  if (how == "iota" || how == "normal" || how == "uniform") {
    if (how == "iota") {
      const ir::Type flat{DType::i64, {type.shape.num_elements()}};
      v = g.Add(ir::Op::iota, {}, {{ir::Attr::axis, std::int64_t{0}}}, {flat}).value();
      v = g.Add(ir::Op::reshape, {v}, {}, {{DType::i64, type.shape}}).value();
    } else {
      v = g.Add(ir::Op::random_bits, {k}, {}, {{DType::u32, type.shape}}).value();
      const ir::Value eight = g.AddConstant(ir::make_scalar<std::uint32_t>(9));
      const ir::Value shift =
          g.Add(ir::Op::broadcast, {eight}, {{ir::Attr::dims, std::vector<std::int64_t>{}}},
                {{DType::u32, type.shape}})
              .value();
      v = g.Add(ir::Op::shift_right, {v, shift}).value();
      v = g.Add(ir::Op::convert, {v}, {{ir::Attr::dtype, real}}).value();
      v = g.Add(ir::Op::mul, {g.Add(ir::Op::add, {v, scalar(0.5)}).value(), scalar(0x1p-23)}).value();
      if (how == "normal") {
        v = g.Add(ir::Op::sub, {g.Add(ir::Op::add, {v, v}).value(), scalar(1)}).value();
        v = g.Add(ir::Op::mul, {g.Add(ir::Op::erfinv, {v}).value(), scalar(1.4142135623730951)}).value();
      }
      // Integers get small numbers of both signs.
      if (!is_float(type.dtype)) v = g.Add(ir::Op::mul, {v, scalar(10)}).value();
    }
  } else {
    v = scalar(how == "ones" ? 1 : 0);
  }
  if (g.type(v).dtype != type.dtype) v = g.Add(ir::Op::convert, {v}, {{ir::Attr::dtype, type.dtype}}).value();
  g.outputs = {v};
  StatusOr<std::vector<ir::Array>> result = ir::interpret(g, {});
  if (!result.ok()) return result.status();
  return std::move((*result)[0]);
}

}  // namespace

StatusOr<std::pair<std::string, std::string>> split_pair(const std::string& text, std::string_view what) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
    return Status(Code::invalid_argument,
                  absl::StrCat("\"", text, "\" is not of the form ", std::string(what)));
  }
  return std::make_pair(text.substr(0, at), text.substr(at + 1));
}

StatusOr<ir::Graph> parse_program(const ProgramFile& file) {
  StatusOr<std::string> text = read_text(file.path);
  if (!text.ok()) return text.status();
  return ir::parse(*text, file.path);
}

StatusOr<ir::Graph> load_program(const ProgramFile& file) {
  StatusOr<ir::Graph> graph = parse_program(file);
  if (!graph.ok()) return graph;
  std::vector<std::int64_t> extents(graph->symbols.size(), -1);
  for (const std::string& text : file.sizes) {
    const auto pair = split_pair(text, "symbol=extent");
    if (!pair.ok()) return pair.status();
    std::int64_t extent = -1;
    const std::string& number = pair->second;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), extent);
    if (error != std::errc() || end != number.data() + number.size() || extent < 0) {
      return Status(Code::invalid_argument,
                    absl::StrCat("--size ", text, ": \"", number, "\" is not an extent"));
    }
    bool found = false;
    for (std::size_t s = 0; s < extents.size(); ++s) {
      if (graph->symbols[s].name != pair->first) continue;
      extents[s] = extent;
      found = true;
    }
    if (!found) {
      return Status(Code::invalid_argument,
                    absl::StrCat("--size ", text, ": the program has no symbol ", pair->first));
    }
  }
  std::vector<std::string> missing;
  for (std::size_t s = 0; s < extents.size(); ++s) {
    if (extents[s] < 0) missing.push_back(graph->symbols[s].name);
  }
  if (!missing.empty()) {
    return Status(Code::invalid_argument, absl::StrCat(file.path, ": give sizes for its symbols: --size ",
                                                       absl::StrJoin(missing, "=... --size "), "=..."));
  }
  if (extents.empty()) return graph;
  return ir::bind_symbols(*graph, extents);
}

StatusOr<std::vector<ir::Array>> load_inputs(const ir::Graph& graph, const RunOptions& options) {
  std::vector<ir::Array> arrays(graph.parameters.size());
  for (const std::string& text : options.inputs) {
    const auto pair = split_pair(text, "name=file.npy");
    if (!pair.ok()) return pair.status();
    std::size_t p = 0;
    while (p < graph.parameter_names.size() && graph.parameter_names[p] != pair->first) ++p;
    if (p == graph.parameter_names.size()) {
      return Status(Code::invalid_argument,
                    absl::StrCat("-i ", text, ": the program has no input ", pair->first,
                                 "; inputs: ", absl::StrJoin(graph.parameter_names, ", ")));
    }
    StatusOr<ir::Array> array = frontend::read_npy(pair->second);
    if (!array.ok()) return array.status();
    const ir::Type& type = graph.nodes[graph.parameters[p]].type();
    if (!(array->type == type)) {
      return Status(Code::invalid_argument,
                    absl::StrCat(pair->second, ": holds ", graph.ToString(array->type), ", input ",
                                 pair->first, " is ", graph.ToString(type)));
    }
    arrays[p] = *std::move(array);
  }
  for (std::size_t p = 0; p < arrays.size(); ++p) {
    if (arrays[p].bytes) continue;
    StatusOr<ir::Array> filled = fill(graph.nodes[graph.parameters[p]].type(), options.fill, options.seed, p);
    if (!filled.ok()) return filled.status();
    arrays[p] = *std::move(filled);
  }
  return arrays;
}

}  // namespace leat::tool
