// The subcommands of `leat`. Each prints to stdout and returns ok, or what is wrong with the program or its
// input, which main prints (exit code 1). Options that do not fit the program throw BadCall (exit code 2).
//
//   leat run softmax.leat --size n=256 -i x=x.npy -o 0=y.npy
#pragma once

#include <string>
#include <vector>

#include "leat/status.h"

namespace leat::tool {

Status info(bool json);
Status list_ops(const std::string& pattern, bool json);

struct BadCall {
  std::string message;
};

struct ProgramFile {
  std::string path;                 // "-" is stdin
  std::vector<std::string> sizes;   // "n=32": extents of symbols
  std::vector<std::string> values;  // of a model: "shape=shape.npy", inputs that become constants
  bool external_data = false;       // of a model: its tensors may lie in other files of its folder
};

struct DumpOptions {
  ProgramFile file;
  std::string stage = "graph";
  std::string arch = "sm_90";  // of stage ptx
  std::string format = "text";
  int workers = 2;
  int devices = 1;
  bool fuse = true;
  bool exact = false;
};
Status dump(const DumpOptions& options);

struct RunOptions {
  ProgramFile file;
  std::vector<std::string> inputs;   // "x=x.npy"
  std::vector<std::string> outputs;  // "y=y.npy"; by name or ordinal
  std::string fill = "normal";       // of inputs that no file is given for
  std::uint64_t seed = 1;
  int workers = 0;
  int devices = 1;
  bool exact = false;
  std::string tier = "machine_code";
  bool json = false;
  int repetitions = 100;  // bench
  std::string trace;      // trace: where to write
};
Status run(const RunOptions& options);
Status bench(const RunOptions& options);
Status trace(const RunOptions& options);

}  // namespace leat::tool
