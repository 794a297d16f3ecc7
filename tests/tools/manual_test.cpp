// The man page and the completions know every option of every command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/tools/command.h"

namespace leat::tool {
namespace {

using ::testing::HasSubstr;

// The words of a text that match.
std::set<std::string> words(const std::string& text, const char* pattern) {
  const std::regex re(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), re), end; i != end; ++i) found.insert((*i)[1]);
  return found;
}

std::set<std::string> commands() {
  // The list that a wrong call prints is the list of what there is.
  const std::string error = leat("no-such-command").err;
  return words(error.substr(error.find("commands: ") + 9), "([a-z]+)");
}

// As the text that a command prints declares them: at the start of a line.
std::set<std::string> options_of(const std::string& command) {
  const std::string help = leat(command + " --help").out;
  std::set<std::string> found;
  for (const std::string& line : words(help, "\n  (-[^ ].*)")) {
    for (const std::string& option : words(line.substr(0, line.find(' ')), "(--[a-z][a-z0-9-]*)"))
      found.insert(option);
  }
  return found;
}

TEST(Manual, KnowsEveryOptionOfEveryCommand) {
  const std::string man = std::regex_replace(leat("manual").out, std::regex("\\\\-"), "-");
  const std::string bash = leat("completion bash").out, zsh = leat("completion zsh").out,
                    fish = leat("completion fish").out;
  const std::set<std::string> all = commands();
  EXPECT_GE(all.size(), 8u);
  for (const std::string& command : all) {
    const std::size_t section = man.find(".SH LEAT " + command + "\n");
    ASSERT_NE(section, std::string::npos) << command;
    const std::string own = man.substr(section, man.find(".SH ", section + 1) - section);
    const std::set<std::string> options = options_of(command);
    EXPECT_GE(options.size(), 1u) << command;
    const std::size_t in_bash = bash.find("    " + command + ")\n"),
                      in_zsh = zsh.find("    " + command + ") _arg");
    ASSERT_NE(in_bash, std::string::npos) << command;
    ASSERT_NE(in_zsh, std::string::npos) << command;
    for (const std::string& option : options) {
      EXPECT_THAT(own, HasSubstr(option)) << command;
      EXPECT_THAT(bash.substr(in_bash, bash.find("esac", in_bash) - in_bash), HasSubstr(option)) << command;
      EXPECT_THAT(zsh.substr(in_zsh, zsh.find(";;", in_zsh) - in_zsh), HasSubstr("'*" + option)) << command;
      const std::regex line("__fish_seen_subcommand_from " + command + "'.* -l " + option.substr(2) + " ");
      EXPECT_TRUE(std::regex_search(fish, line)) << command << " " << option;
    }
  }
}

TEST(Manual, CompletionsWork) {
  const std::string bash = file("leat.bash", leat("completion bash").out);
  const auto complete = [&](const std::string& line) {
    return shell("bash -c 'source \"" + bash + "\"; COMP_WORDS=(" + line +
                 "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _leat; echo ${COMPREPLY[@]}'")
        .out;
  };
  EXPECT_EQ(complete("leat ins"), "inspect\n");
  EXPECT_EQ(complete("leat bench --base"), "--baseline\n");
  EXPECT_EQ(complete("leat run --tier ti"), "tiles\n");
  EXPECT_EQ(complete("leat run --tier = ti"), "tiles\n");
  EXPECT_EQ(complete("leat dump soft"), "softmax.leat\n");
  EXPECT_EQ(complete("leat completion z"), "zsh\n");
  for (const char* name : {"bash", "zsh", "fish"}) {
    if (shell(std::string("command -v ") + name).code != 0) continue;
    const Command c = shell(std::string(name) + " -n '" +
                            file("completion", leat(std::string("completion ") + name).out) + "'");
    EXPECT_EQ(c.code, 0) << name << "\n" << c.err;
  }
}

TEST(Manual, TheManPageIsWellFormed) {
  const std::string page = file("leat.1", leat("manual").out);
  EXPECT_THAT(read_file(page), HasSubstr(".SH EXIT STATUS\n"));
  const Command c = shell("groff -man -Tutf8 -ww '" + page + "'");
  EXPECT_EQ(c.code, 0);
  EXPECT_EQ(c.err, "");
  EXPECT_THAT(c.out, HasSubstr("leat inspect"));
}

}  // namespace
}  // namespace leat::tool
