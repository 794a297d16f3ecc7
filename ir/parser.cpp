#include "ir/parser.h"

#include <algorithm>

#include "ir/graph_parser.h"
#include "ir/inference_rules.h"
#include "ir/printer.h"
#include "ir/verifier.h"

namespace leat::ir {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 30;

/// A text with its graphs: first found, then parsed on demand, each once.
class TextParser : public ParserBase, public SubgraphSource {
 public:
  TextParser(std::string_view text, std::string_view source, const ParseOptions& options)
      : ParserBase(Lexer(text), source) {
    locate = options.locate;
  }

  StatusOr<Graph> Parse() {
    const Lexer start = position();
    const bool has_body = !peek().is_word("graph");
    if (!FindGraphs(has_body)) return error();
    std::optional<Graph> main;
    if (has_body) {
      GraphParser parser(start, source_, *this);
      if (!parser.ParseBody()) return parser.error();
      main = std::move(parser.graph);
    }
    for (Entry& entry : entries_) {
      StatusOr<std::shared_ptr<const Graph>> graph = ParseEntry(entry);
      if (!graph.ok()) return graph.status();
      if (!main) main = **graph;
    }
    return *std::move(main);
  }

  StatusOr<std::shared_ptr<const Graph>> Find(const std::string& name, const Token& at) override {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) {
      Fail(at, cat("there is no graph ", describe(at)));
      return error();
    }
    Entry& entry = entries_[it->second];
    if (entry.open) {
      Fail(at, cat(describe(at), " contains itself", numbered(Rule::nesting)));
      return error();
    }
    const auto too_deep = [&] {
      Fail(at,
           cat(describe(at), " nests sub-graphs more than ", kMaxNesting, " deep", numbered(Rule::nesting)));
      return error();
    };
    if (depth_ == kMaxNesting) return too_deep();
    ++depth_;
    StatusOr<std::shared_ptr<const Graph>> graph = ParseEntry(entry);
    --depth_;
    if (!graph.ok()) return graph;
    if (depth_ + 1 + entry.height > kMaxNesting) return too_deep();
    if (open_ != nullptr) open_->height = std::max(open_->height, entry.height + 1);
    return graph;
  }

 private:
  struct Entry {
    Lexer start;
    std::shared_ptr<const Graph> graph;  // null until parsed
    int height = 0;                      // how deep sub-graphs nest below
    bool open = false;                   // being parsed
  };

  /// Where each graph begins. What stands between graphs is an error, what stands before them the body.
  bool FindGraphs(bool in_body) {
    std::size_t depth = 0;
    while (peek().kind != Token::Kind::end) {
      if (peek().kind == Token::Kind::bad) return FailExpected("a token");
      if (depth == 0 && peek().is_word("graph")) {
        if (!AddEntry()) return false;
        in_body = true;  // up to the closing brace
        continue;
      }
      if (depth == 0 && !in_body) return FailExpected("graph");
      const Token token = Take();
      if (token.is("{")) ++depth;
      if (token.is("}") && depth > 0 && --depth == 0 && !entries_.empty()) in_body = false;
    }
    return true;
  }

  bool AddEntry() {
    const Lexer start = position();
    Take();
    const Token token = peek();
    std::string name;
    if (token.kind != Token::Kind::graph_name) return FailExpected("the name of the graph (@name)");
    if (!ParseName(token, name)) return false;
    Take();
    if (!by_name_.emplace(name, entries_.size()).second) {
      return Fail(token, cat("there are two graphs ", describe(token)));
    }
    entries_.push_back({start, nullptr, 0, false});
    return true;
  }

  StatusOr<std::shared_ptr<const Graph>> ParseEntry(Entry& entry) {
    if (entry.graph != nullptr) return entry.graph;
    GraphParser parser(entry.start, source_, *this);
    Entry* const outer = std::exchange(open_, &entry);
    entry.open = true;
    const bool ok = parser.ParseGraph();
    entry.open = false;
    open_ = outer;
    if (!ok) return parser.error();
    entry.graph = std::make_shared<const Graph>(std::move(parser.graph));
    return entry.graph;
  }

  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> by_name_;
  Entry* open_ = nullptr;  // the innermost graph that is being parsed
  int depth_ = 0;
};

}  // namespace

StatusOr<Graph> parse(std::string_view text, std::string_view source_name, const ParseOptions& options) {
  if (text.size() > kMaxText) {
    return Status(Code::invalid_argument, cat(source_name, ": the text is longer than 1 GiB"));
  }
  if (text.substr(0, kNotParsable.size()) == kNotParsable) {
    const std::string_view reason = text.substr(kNotParsable.size());
    return Status(Code::invalid_argument,
                  cat(source_name, ":1:1: the text is a dump that left something out: ",
                      reason.substr(0, reason.find('\n'))));
  }
  return TextParser(text, source_name, options).Parse();
}

}  // namespace leat::ir
