// Loading a program and its inputs for the subcommands.
//
// An error in a file names the file and where in it; one in the call throws BadCall.
#pragma once

#include <string>
#include <vector>

#include "compiler/compile.h"
#include "ir/parser.h"
#include "tools/leat/commands.h"

namespace leat::tool {

struct ProgramFile {
  std::string path;                 // "-" is stdin
  std::vector<std::string> sizes;   // "n=32": extents of symbols
  std::vector<std::string> values;  // of a model: "shape=shape.npy", inputs that become constants
  bool external_data = false;       // of a model: its tensors may lie in other files of its folder
};
/// The options of every command that reads a program.
void add_program_options(CLI::App* command, ProgramFile* file);

/// Where the inputs of a program come from.
struct InputFiles {
  std::vector<std::string> inputs;  // "x=x.npy"
  std::string fill = "normal";      // of inputs that no file is given for
  std::uint64_t seed = 1;
};
void add_input_options(CLI::App* command, InputFiles* files);

/// Parses only: the program as it was written, symbols and all. An ONNX model is loaded (load_program).
StatusOr<ir::Graph> parse_program(const ProgramFile& file, const ir::ParseOptions& options);
/// Reads text IR, or an ONNX model where the name ends in .onnx, and binds symbols to the given sizes; every
/// symbol needs one. Throws BadCall for sizes that do not fit. `output_names` gets the names of a model's
/// outputs; programs have none.
StatusOr<ir::Graph> load_program(const ProgramFile& file, const ir::ParseOptions& options,
                                 std::vector<std::string>* output_names = nullptr);

/// Inputs from the files that `files` names; the others are filled.
StatusOr<std::vector<ir::Array>> load_inputs(const ir::Graph& graph, const InputFiles& files);

/// Into a file, or to stdout where `path` is empty.
Status write_output(const std::string& path, const std::string& text);

/// "name=value" split. Throws BadCall where it is not of that form.
std::pair<std::string, std::string> split_pair(const std::string& text, std::string_view what);

/// The option --placement, for commands that plan for several devices.
void add_placement_option(CLI::App* command, std::string* placement);
inline constexpr const char* kAutomaticPlacement = "automatic";

/// cpu:0 and virtual CPUs, each with so many workers, then gpu:0, ... as described.
std::vector<compiler::DeviceDescription> describe_devices(
    int count, int workers, const std::vector<runtime::cuda::GpuDescription>& gpus = {});

}  // namespace leat::tool
