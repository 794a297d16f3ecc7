// The man page and the shells' completions, written from the options themselves: what a command declares is
// in all of them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/leat/commands.h"

namespace leat::tool {
namespace {

struct OptionText {
  std::vector<std::string> names;  // "-n", "--repetitions"; empty for a positional
  std::string positional, what, fallback;
  std::vector<std::string> values;  // of a closed set
  bool takes_value = false;
  std::string first_long() const {
    for (const std::string& n : names) {
      if (n.starts_with("--")) return n;
    }
    return names.empty() ? "" : names[0];
  }
};

std::vector<OptionText> options_of(const CLI::App& command) {
  std::vector<OptionText> all;
  for (const CLI::Option* o : command.get_options()) {
    OptionText text;
    for (const std::string& n : o->get_snames()) text.names.push_back("-" + n);
    for (const std::string& n : o->get_lnames()) text.names.push_back("--" + n);
    for (const std::string& n : o->get_fnames()) {  // "!--no-fuse" is listed with its sign
      const std::string name = n.starts_with("--") ? n : "--" + n;
      if (std::find(text.names.begin(), text.names.end(), name) == text.names.end())
        text.names.push_back(name);
    }
    if (text.names.empty()) text.positional = o->get_name(true);
    text.what = o->get_description();
    text.fallback = o->get_default_str();
    text.takes_value =
        o->get_expected_max() > 0 && o->get_items_expected_max() > 0 && o->get_type_size_max() > 0;
    const std::string type = o->get_type_name();
    const std::size_t open = type.find('{'), close = type.find('}');
    if (open != std::string::npos && close != std::string::npos) {
      text.values = absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
    }
    all.push_back(std::move(text));
  }
  return all;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// --- man ---

std::string troff(std::string_view text) {
  std::string s = absl::StrReplaceAll(std::string(text), {{"\\", "\\e"}, {"-", "\\-"}});
  if (!s.empty() && (s[0] == '.' || s[0] == '\'')) s.insert(0, "\\&");
  return absl::StrReplaceAll(s, {{"\n.", "\n\\&."}, {"\n'", "\n\\&'"}});
}

std::string man_options(const CLI::App& command) {
  std::string s;
  for (const OptionText& o : options_of(command)) {
    absl::StrAppend(&s, ".TP\n.B ", troff(o.names.empty() ? o.positional : absl::StrJoin(o.names, ", ")));
    if (o.takes_value && !o.names.empty() && !o.values.empty()) {
      absl::StrAppend(&s, " ", troff(absl::StrJoin(o.values, "|")));
    } else if (o.takes_value && !o.names.empty()) {
      s += " VALUE";
    }
    absl::StrAppend(&s, "\n", troff(o.what));
    if (o.takes_value && !o.fallback.empty()) absl::StrAppend(&s, " (default: ", troff(o.fallback), ")");
    s += "\n";
  }
  return s;
}

std::string man_page(const CLI::App& app) {
  std::string s = ".TH LEAT 1 \"\" \"leat " LEAT_VERSION "\" \"User commands\"\n.SH NAME\nleat \\- ";
  const std::string about = app.get_description();
  absl::StrAppend(&s, troff(about.substr(about.find(": ") == std::string::npos ? 0 : about.find(": ") + 2)),
                  "\n.SH SYNOPSIS\n.B leat\n.I COMMAND\n[options]\n.SH DESCRIPTION\n"
                  "A program is a file of text IR, or an ONNX model where its name ends in .onnx. "
                  "Everything is printed to standard output; errors are one line on standard error.\n");
  absl::StrAppend(&s, man_options(app));
  for (const CLI::App* command : commands_of(app)) {
    absl::StrAppend(&s, ".SH LEAT ", troff(command->get_name()), "\n", troff(command->get_description()),
                    ".\n", man_options(*command));
    if (!command->get_footer().empty()) {
      absl::StrAppend(&s, ".PP\n.nf\n", troff(command->get_footer()), "\n.fi\n");
    }
  }
  s += ".SH EXIT STATUS\n0: done. 1: the program or its input is bad. 2: the call is bad. 3: bench found the "
       "program slower than its baseline.\n"
       ".SH ENVIRONMENT\n.TP\n.B LEAT_DUMP_SIGNAL\nA signal (USR1), and behind a colon a file: what every "
       "engine "
       "of a process does is written when it arrives.\n.TP\n.B NVTX_INJECTION64_PATH, "
       "INTEL_LIBITTNOTIFY64\nSet by "
       "profilers: steps become their ranges.\n.TP\n.B XDG_CACHE_HOME\nWhere inspect keeps the roofline of "
       "the "
       "machine; ~/.cache by default.\n";
  return s;
}

// --- completion ---

std::string names(const CLI::App& command) {
  std::vector<std::string> all;
  for (const OptionText& o : options_of(command)) all.insert(all.end(), o.names.begin(), o.names.end());
  return absl::StrJoin(all, " ");
}

std::string command_names(const CLI::App& app) {
  std::vector<std::string> all;
  for (const CLI::App* command : commands_of(app)) all.push_back(command->get_name());
  return absl::StrJoin(all, " ");
}

std::string bash(const CLI::App& app) {
  std::string s = absl::StrCat(
      "# bash completion of leat; written by: leat completion bash\n_leat() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= values=\n"
      "  # --stage=fu is three words\n"
      "  if [[ $current == = ]]; then current=; elif [[ $before == = ]]; then "
      "before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
      "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W \"",
      command_names(app), " ", names(app),
      "\" -- \"$current\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n");
  for (const CLI::App* command : commands_of(app)) {
    absl::StrAppend(&s, "    ", command->get_name(), ")\n      options=\"", names(*command),
                    "\"\n      case $before in\n");
    for (const OptionText& o : options_of(*command)) {
      if (o.values.empty()) continue;
      if (o.names.empty()) {
        absl::StrAppend(&s, "        ", command->get_name(), ") values=\"", absl::StrJoin(o.values, " "),
                        "\" ;;\n");
      } else {
        absl::StrAppend(&s, "        ", absl::StrJoin(o.names, "|"), ") values=\"",
                        absl::StrJoin(o.values, " "), "\" ;;\n");
      }
    }
    s += "      esac ;;\n";
  }
  s += "  esac\n"
       "  if [[ -n $values ]]; then COMPREPLY=($(compgen -W \"$values\" -- \"$current\"))\n"
       "  elif [[ $current == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
       "  else COMPREPLY=($(compgen -f -- \"$current\")); fi\n"
       "}\ncomplete -o filenames -F _leat leat\n";
  return s;
}

std::string zsh_text(std::string_view text) {
  return absl::StrReplaceAll(std::string(text), {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

std::string zsh(const CLI::App& app) {
  std::string s =
      "#compdef leat\n# zsh completion of leat; written by: leat completion zsh\n_leat() {\n"
      "  local -a commands=(\n";
  for (const CLI::App* command : commands_of(app)) {
    absl::StrAppend(&s, "    '", command->get_name(), ":", zsh_text(command->get_description()), "'\n");
  }
  s += "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    _arguments";
  const auto arguments = [&](const CLI::App& command) {
    int position = 1;
    for (const OptionText& o : options_of(command)) {
      const std::string values =
          o.values.empty() ? "_files" : absl::StrCat("(", absl::StrJoin(o.values, " "), ")");
      if (o.names.empty()) {
        absl::StrAppend(&s, " \\\n      '", position++, ":", zsh_text(o.positional), ":", values, "'");
        continue;
      }
      for (const std::string& n : o.names) {
        absl::StrAppend(&s, " \\\n      '*", n, o.takes_value && n.starts_with("--") ? "=" : "", "[",
                        zsh_text(o.what), "]", o.takes_value ? ":value:" + values : "", "'");
      }
    }
    s += "\n";
  };
  arguments(app);
  s += "    return\n  fi\n  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n";
  for (const CLI::App* command : commands_of(app)) {
    absl::StrAppend(&s, "    ", command->get_name(), ") _arguments");
    arguments(*command);
    s += "      ;;\n";
  }
  return s + "  esac\n}\n_leat \"$@\"\n";
}

std::string fish(const CLI::App& app) {
  const auto quoted = [](std::string_view text) {
    return "'" + absl::StrReplaceAll(std::string(text), {{"\\", "\\\\"}, {"'", "\\'"}}) + "'";
  };
  std::string s = "# fish completion of leat; written by: leat completion fish\n";
  const auto options = [&](const CLI::App& command, const std::string& when) {
    for (const OptionText& o : options_of(command)) {
      if (o.names.empty() && o.values.empty()) continue;
      absl::StrAppend(&s, "complete -c leat -n ", quoted(when));
      for (const std::string& n : o.names) {
        absl::StrAppend(&s, n.starts_with("--") ? " -l " + n.substr(2) : " -s " + n.substr(1));
      }
      if (!o.values.empty()) {
        absl::StrAppend(&s, " -xa ", quoted(absl::StrJoin(o.values, " ")));
      } else if (o.takes_value) {
        s += " -r";
      }
      absl::StrAppend(&s, " -d ", quoted(o.what), "\n");
    }
  };
  options(app, "__fish_use_subcommand");
  for (const CLI::App* command : commands_of(app)) {
    absl::StrAppend(&s, "complete -c leat -f -n __fish_use_subcommand -a ", command->get_name(), " -d ",
                    quoted(command->get_description()), "\n");
    options(*command, "__fish_seen_subcommand_from " + command->get_name());
  }
  return s;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

void add_manual_commands(CLI::App& app) {
  CLI::App* manual = app.add_subcommand("manual", "the man page, for man -l -");
  manual->footer("Example: leat manual | man -l -");
  manual->callback([&app] { print(man_page(app)); });
  const auto shell = std::make_shared<std::string>();
  CLI::App* completion = app.add_subcommand("completion", "the completion of a shell, to be sourced by it");
  completion->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer("Example: leat completion bash > ~/.local/share/bash-completion/completions/leat");
  completion->callback([&app, shell] {
    print(*shell == "bash" ? bash(app) : *shell == "zsh" ? zsh(app) : fish(app));
  });
}

}  // namespace leat::tool
