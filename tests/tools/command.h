// Runs the real `leat` command and keeps what it printed: tests of the tool see what a user sees.
//
//   const Command c = leat("dump --stage=fused " + program("mlp") + " --size n=4");
//   EXPECT_EQ(c.code, 0) << c.err;
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace leat::tool {

struct Command {
  int code = -1;  // -1: killed by a signal
  std::string out, err;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder of this process's own, empty at first, removed at the end.
inline const std::filesystem::path& folder() {
  struct Folder {
    std::filesystem::path path;
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "leat_tool_XXXXXX").string();
      path = ::mkdtemp(name.data());
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder made;
  return made.path;
}

/// Through the shell, in the folder with the sample programs, so that paths in messages are short.
inline Command shell(const std::string& command) {
  const std::string out = folder() / "stdout", err = folder() / "stderr";
  const int status = std::system(
      ("cd '" LEAT_SOURCE_DIR "/examples/programs' && { " + command + "; } >'" + out + "' 2>'" + err + "'")
          .c_str());
  Command result;
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  result.out = read_file(out);
  result.err = read_file(err);
  return result;
}

inline Command leat(const std::string& arguments) { return shell("'" LEAT_COMMAND "' " + arguments); }

/// Writes a file into folder() and returns its path.
inline std::string file(const std::string& name, const std::string& content) {
  const std::string path = folder() / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace leat::tool
