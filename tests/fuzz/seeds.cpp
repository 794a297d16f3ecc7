// Writes what the fuzzers start from: `fuzz_seeds FOLDER` makes FOLDER/{onnx,text,npy,cache} and the
// dictionary FOLDER/text.dict, from the tree, from ONNX's test data, and from a run. A missing source is an
// error.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/frontend/graph_state.h"
#include "compiler/frontend/npy_file.h"
#include "ir/inference.h"
#include "ir/ops.h"
#include "leat/check.h"
#include "leat/leat.h"
#include "leat/onnx.h"

namespace leat::fuzz {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Files beneath `from` with this ending, named by their paths; larger ones only slow a fuzzer down.
int copy_files(const fs::path& from, std::string_view ending, const fs::path& to) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (!entry.is_regular_file() || entry.path().extension() != ending || entry.file_size() > 32 << 10)
      continue;
    std::string name = entry.path().lexically_relative(from).string();
    std::replace(name.begin(), name.end(), '/', '_');
    fs::copy_file(entry.path(), to / name, fs::copy_options::overwrite_existing);
    ++count;
  }
  return count;
}

// The programs of the tree with symbols bound to 3, after every pass, and as ONNX models; compiled, so that
// the cache folder fills.
int write_stages(const fs::path& text, const fs::path& onnx_folder) {
  int count = 0;
  const std::vector<fs::directory_entry> programs(fs::directory_iterator(text), {});
  for (const fs::directory_entry& entry : programs) {
    const StatusOr<Graph> symbolic = Graph::Parse(read_file(entry.path()));
    if (!symbolic.ok()) continue;
    const std::vector<std::int64_t> extents(symbolic->state().graph.symbols.size(), 3);
    StatusOr<ir::Graph> bound = ir::bind_symbols(symbolic->state().graph, extents);
    if (!bound.ok()) continue;
    const StatusOr<Graph> graph(
        Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{*std::move(bound)})));
    const std::string stem = (onnx_folder / entry.path().stem()).string();
    if (const StatusOr<std::string> model = onnx::to_bytes(*graph); model.ok())
      write_file(stem + ".onnx", *model);
    const StatusOr<Executable> executable = Compile(*graph);
    if (!executable.ok()) continue;
    for (const char* stage : {"optimized", "fused", "graph"}) {
      const StatusOr<std::string> dump = executable->Dump(stage);
      if (!dump.ok() || dump->size() > 32 << 10) continue;
      write_file(text / (entry.path().stem().string() + "." + stage + ".leat"), *dump);
      ++count;
    }
  }
  return count;
}

void write_arrays(const fs::path& to) {
  for (int d = 0; d < kDTypeCount; ++d) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 5}}) {
      const ir::Type type{static_cast<DType>(d), shape};
      const ir::Array array = ir::Array::Zeros(type);
      std::string bytes = frontend::format_npy(type, array.bytes.get());
      const std::string name = std::string(leat::name(type.dtype)) + "_" + std::to_string(shape.rank());
      write_file(to / (name + "_" + std::to_string(shape.num_elements())), bytes);
      if (shape.rank() != 2) continue;
      bytes.replace(bytes.find("False"), 5, "True ");
      write_file(to / (name + "_fortran"), bytes);
    }
  }
}

// Names of ops, attributes and dtypes, and the signs of the language.
void write_dictionary(const fs::path& path) {
  std::ofstream out(path);
  for (const ir::OpInfo& info : ir::all_ops()) {
    out << '"' << info.name << " \"\n";
    for (const ir::AttrSpec& spec : info.attributes) out << '"' << ir::name(spec.attr) << "=\"\n";
  }
  for (int d = 0; d < kDTypeCount; ++d) out << '"' << name(static_cast<DType>(d)) << "[\"\n";
  for (const char* sign : {"graph @",
                           "return ",
                           "-> ",
                           " : ",
                           "%",
                           "{",
                           "}",
                           "[",
                           "]",
                           "#1",
                           "<=",
                           "?",
                           "0x",
                           "nan",
                           "inf",
                           "-1",
                           "4294967296",
                           "9223372036854775807",
                           "// at a.cpp:1",
                           "label=\\\"",
                           "scope=\\\"",
                           "\\\"sum\\\"",
                           "\\\"max\\\"",
                           "\\\"mean\\\"",
                           "true",
                           "false"}) {
    out << '"' << sign << "\"\n";
  }
}

int run(const fs::path& folder) {
  for (const char* target : {"onnx", "text", "npy", "cache"}) fs::create_directories(folder / target);
  const fs::path tree = LEAT_SOURCE_DIR;
  const int programs = copy_files(tree / "examples/programs", ".leat", folder / "text") +
                       copy_files(tree / "tests/golden", ".leat", folder / "text");
  const int models = copy_files("/usr/share/libonnx-testdata/data", ".onnx", folder / "onnx") +
                     copy_files(tree / "tests/onnx/models", ".onnx", folder / "onnx");
  const int arrays = copy_files(tree / "examples", ".npy", folder / "npy");
  Context context({.workers = 1, .tier = Tier::machine_code, .cache_folder = (folder / "cache").string()});
  const Context::Scope scope(context);
  const int stages = write_stages(folder / "text", folder / "onnx");
  write_arrays(folder / "npy");
  write_dictionary(folder / "text.dict");
  for (const fs::path target : {"onnx", "text", "npy", "cache"}) {
    const fs::path found = tree / "tests/fuzz/findings" / target;
    for (const auto& entry : fs::directory_iterator(found)) {
      fs::copy_file(entry.path(), folder / target / entry.path().filename(),
                    fs::copy_options::overwrite_existing);
    }
    const auto files = std::distance(fs::directory_iterator(folder / target), {});
    std::printf("%s: %td seeds\n", target.c_str(), files);
    if (files == 0) return 1;
  }
  return programs > 0 && models > 0 && arrays > 0 && stages > 0 ? 0 : 1;
}

}  // namespace
}  // namespace leat::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "fuzz_seeds FOLDER\n");
    return 2;
  }
  return leat::fuzz::run(argv[1]);
}
