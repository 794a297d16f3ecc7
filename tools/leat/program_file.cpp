#include "tools/leat/program_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/frontend/fill_inputs.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/frontend/npy_file.h"
#include "ir/inference.h"
#include "leat/npy.h"
#include "leat/onnx.h"

namespace leat::tool {
namespace {

StatusOr<std::string> read_text(const std::string& path) {
  std::string text;
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return Status(Code::not_found, absl::StrCat(path, ": cannot open: ", std::strerror(errno)));
  }
  // A program is no device that never ends.
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  char block[65536];
  while (const std::size_t n = std::fread(block, 1, sizeof block, file)) {
    text.append(block, n);
    if (text.size() > kMostBytes) break;
  }
  const int error = std::ferror(file) != 0 ? errno : 0;
  if (file != stdin) std::fclose(file);
  if (error != 0)
    return Status(Code::failed_precondition, absl::StrCat(path, ": cannot read: ", std::strerror(error)));
  if (text.size() > kMostBytes)
    return Status(Code::invalid_argument, absl::StrCat(path, ": is larger than 1 GiB: no program"));
  return text;
}

bool is_onnx(const ProgramFile& file) { return file.path.ends_with(".onnx"); }

// The extent of each symbol, as --size gives them; -1 where it gives none and they need not be `all` there.
std::vector<std::int64_t> bind_sizes(const ProgramFile& file, const std::vector<std::string>& symbols,
                                     bool all = true) {
  std::vector<std::int64_t> extents(symbols.size(), -1);
  for (const std::string& text : file.sizes) {
    const auto [symbol, number] = split_pair(text, "symbol=extent");
    std::int64_t extent = -1;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), extent);
    if (error != std::errc() || end != number.data() + number.size() || extent < 0) {
      throw BadCall{absl::StrCat("--size ", text, ": \"", number, "\" is not an extent")};
    }
    bool found = false;
    for (std::size_t s = 0; s < extents.size(); ++s) {
      if (symbols[s] != symbol) continue;
      if (extents[s] >= 0) throw BadCall{absl::StrCat("--size ", text, ": ", symbol, " has a size already")};
      extents[s] = extent;
      found = true;
    }
    if (!found) throw BadCall{absl::StrCat("--size ", text, ": the program has no symbol ", symbol)};
  }
  std::vector<std::string> missing;
  for (std::size_t s = 0; s < extents.size(); ++s) {
    if (extents[s] < 0) missing.push_back(symbols[s]);
  }
  if (all && !missing.empty()) {
    throw BadCall{absl::StrCat(file.path, ": give sizes for its symbols: --size ",
                               absl::StrJoin(missing, "=... --size "), "=...")};
  }
  return extents;
}

std::vector<std::string> symbols_of(const ir::Graph& graph) {
  std::vector<std::string> symbols;
  for (const ir::Symbol& s : graph.symbols) symbols.push_back(s.name);
  return symbols;
}

StatusOr<ir::Graph> load_model(const ProgramFile& file, std::vector<std::string>* output_names) {
  const StatusOr<onnx::Model> model = onnx::load(file.path, {.external_data = file.external_data});
  if (!model.ok()) return model.status();
  std::map<std::string, Tensor> values;
  for (const std::string& text : file.values) {
    const auto [name, path] = split_pair(text, "name=file.npy");
    const auto& all = (*model).inputs();
    if (std::none_of(all.begin(), all.end(), [&](const onnx::ValueInfo& v) { return v.name == name; })) {
      throw BadCall{absl::StrCat("--value ", text, ": the model has no input ", name)};
    }
    values[name] = load_npy(path);
  }
  const auto is_parameter = [&](const onnx::ValueInfo& v) {
    return !v.has_default && !values.contains(v.name);
  };
  std::vector<std::string> symbols;
  for (const onnx::ValueInfo& v : (*model).inputs()) {
    for (const Dim& d : v.dims) {
      const bool seen = std::find(symbols.begin(), symbols.end(), d.symbol) != symbols.end();
      if (is_parameter(v) && !d.symbol.empty() && !seen) symbols.push_back(d.symbol);
    }
  }
  const std::vector<std::int64_t> extents = bind_sizes(file, symbols);
  std::vector<GraphType> types;
  for (const onnx::ValueInfo& v : (*model).inputs()) {
    if (!is_parameter(v)) continue;
    GraphType type{v.dtype, v.dims};
    for (Dim& d : type.dims) {
      if (d.symbol.empty()) continue;
      d = extents[static_cast<std::size_t>(std::find(symbols.begin(), symbols.end(), d.symbol) -
                                           symbols.begin())];
    }
    types.push_back(std::move(type));
  }
  const StatusOr<Graph> graph = (*model).ToGraph(types, values);
  if (!graph.ok()) {
    return Status(graph.status().code(), absl::StrCat(file.path, ": ", graph.status().message()),
                  graph.status().where());
  }
  for (const onnx::ValueInfo& v : (*model).outputs()) {
    if (output_names != nullptr) output_names->push_back(v.name);
  }
  return (*graph).state().graph;
}

}  // namespace

void add_program_options(CLI::App* command, ProgramFile* file) {
  command->add_option("program", file->path, "a file of text IR, a model.onnx, or - for text from stdin")
      ->required();
  command->add_option("--size", file->sizes, "the extent of a symbolic dimension: --size n=32");
  command->add_option(
      "--value", file->values,
      "an input of a model whose value decides a shape, from a file: --value shape=shape.npy");
  command->add_flag("--external-data", file->external_data,
                    "tensors of a model may lie in other files of its folder");
}

void add_input_options(CLI::App* command, InputFiles* files) {
  command->add_option("-i,--input", files->inputs, "an input from a file: -i x=x.npy");
  command
      ->add_option("--fill", files->fill,
                   "inputs without a file: normal, uniform, iota, ones, zeros; random indices are in range")
      ->check(CLI::IsMember({"normal", "uniform", "iota", "ones", "zeros"}))
      ->capture_default_str();
  command->add_option("--seed", files->seed, "of the random fills")->capture_default_str();
}

std::pair<std::string, std::string> split_pair(const std::string& text, std::string_view what) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
    throw BadCall{absl::StrCat("\"", text, "\" is not of the form ", std::string(what))};
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

Status write_output(const std::string& path, const std::string& text) {
  if (path.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);  // main looks for what went wrong
    return {};
  }
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out) return {};
  return Status(Code::failed_precondition, absl::StrCat(path, ": cannot write: ", std::strerror(errno)));
}

void add_placement_option(CLI::App* command, std::string* placement) {
  command
      ->add_option(
          "--placement", *placement,
          "where nodes run that no copy puts somewhere: operands (where their bytes are) or automatic "
          "(where estimates have them done soonest; --stage=placed of dump shows these)")
      ->check(CLI::IsMember({"operands", kAutomaticPlacement}))
      ->capture_default_str();
}

std::vector<compiler::DeviceDescription> describe_devices(
    int count, int workers, const std::vector<runtime::cuda::GpuDescription>& gpus) {
  std::vector<compiler::DeviceDescription> devices(static_cast<std::size_t>(count));
  for (int d = 0; d < count; ++d) {
    devices[static_cast<std::size_t>(d)].name = absl::StrCat("cpu:", d);
    devices[static_cast<std::size_t>(d)].workers = workers;
  }
  for (const runtime::cuda::GpuDescription& gpu : gpus)
    devices.push_back(compiler::describe_gpu_device(static_cast<int>(devices.size()) - count, gpu));
  return devices;
}

StatusOr<ir::Graph> parse_program(const ProgramFile& file, const ir::ParseOptions& options) {
  if (is_onnx(file)) return load_program(file, options);
  StatusOr<std::string> text = read_text(file.path);
  if (!text.ok()) return text.status();
  StatusOr<ir::Graph> graph = ir::parse(*text, file.path == "-" ? "<stdin>" : file.path, options);
  if (graph.ok())
    bind_sizes(file, symbols_of(*graph), false);  // sizes that fit nothing are a bad call all the same
  return graph;
}

StatusOr<ir::Graph> load_program(const ProgramFile& file, const ir::ParseOptions& options,
                                 std::vector<std::string>* output_names) {
  if (is_onnx(file)) return load_model(file, output_names);
  StatusOr<ir::Graph> graph = parse_program(file, options);
  if (!graph.ok()) return graph;
  const std::vector<std::int64_t> extents = bind_sizes(file, symbols_of(*graph));
  if (extents.empty()) return graph;
  return ir::bind_symbols(*graph, extents);
}

StatusOr<std::vector<ir::Array>> load_inputs(const ir::Graph& graph, const InputFiles& files) {
  std::vector<ir::Array> arrays(graph.parameters.size());
  for (const std::string& text : files.inputs) {
    const auto [name, path] = split_pair(text, "name=file.npy");
    std::size_t p = 0;
    while (p < graph.parameter_names.size() && graph.parameter_names[p] != name) ++p;
    if (p == graph.parameter_names.size()) {
      throw BadCall{absl::StrCat("-i ", text, ": the program has no input ", name,
                                 "; inputs: ", absl::StrJoin(graph.parameter_names, ", "))};
    }
    StatusOr<ir::Array> array = frontend::read_npy(path);
    if (!array.ok()) return array.status();
    const ir::Type& type = graph.nodes[graph.parameters[p]].type();
    if (!(array->type == type)) {
      return Status(Code::invalid_argument, absl::StrCat(path, ": holds ", graph.ToString(array->type),
                                                         ", input ", name, " is ", graph.ToString(type)));
    }
    arrays[p] = *std::move(array);
  }
  StatusOr<std::vector<ir::Array>> filled = frontend::fill_inputs(graph, files.fill, files.seed);
  if (!filled.ok()) return filled.status();
  for (std::size_t p = 0; p < arrays.size(); ++p) {
    if (!arrays[p].bytes) arrays[p] = std::move((*filled)[p]);
  }
  return arrays;
}

}  // namespace leat::tool
