// Einstein summation, as transposes, diagonals, sums and dot_generals.
//
// Every dimension gets a label of one character: the user's letter, or for those of an ellipsis a character
// below ' ', counted from the right. An ellipsis dimension of 1 that others broadcast is dropped from its
// operand, so that what is left has one extent a label.
#include <algorithm>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "leat/ops.h"

namespace leat {
namespace {

using frontend::fail;
using frontend::node_of;

struct Term {
  Tensor tensor;
  std::string labels;
};

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

class Einsum {
 public:
  Einsum(std::string_view formula, SourceLocation at) : formula_(formula), at_(at) {}

  Tensor Run(std::span<const Tensor> operands) {
    Parse(operands.size());
    for (std::size_t i = 0; i < operands.size(); ++i) Bind(operands[i], inputs_[i]);
    if (!explicit_output_) ImplyOutput();
    BindOutput();
    for (Term& t : terms_) DropBroadcast(t);
    for (std::size_t i = 0; i < terms_.size(); ++i) SumPrivate(i);
    while (terms_.size() > 1) ContractCheapest();
    return Arrange(std::move(terms_[0]));
  }

 private:
  [[noreturn]] void Fail(const std::string& why) const {
    fail(Code::invalid_argument, absl::StrCat("einsum \"", std::string(formula_), "\": ", why), at_);
  }

  // Splits the formula; an ellipsis becomes the character '.'.
  void Parse(std::size_t operands) {
    inputs_.emplace_back();
    std::string* term = &inputs_.back();
    for (std::size_t i = 0; i < formula_.size(); ++i) {
      const char c = formula_[i];
      if (c == ' ') continue;
      if (c == ',' && !explicit_output_) {
        term = &inputs_.emplace_back();
      } else if (formula_.substr(i, 2) == "->" && !explicit_output_) {
        explicit_output_ = true;
        term = &output_;
        ++i;
      } else if (formula_.substr(i, 3) == "...") {
        if (has(*term, '.')) Fail("two ellipses in one term");
        *term += '.';
        i += 2;
      } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        if (explicit_output_ && has(*term, c))
          Fail(absl::StrCat("label ", std::string(1, c), " repeats in the result"));
        *term += c;
      } else {
        Fail(absl::StrCat("unexpected '", std::string(1, c), "' at ", i));
      }
    }
    if (inputs_.size() != operands) {
      Fail(absl::StrCat(inputs_.size(), inputs_.size() == 1 ? " term for " : " terms for ", operands,
                        operands == 1 ? " operand" : " operands"));
    }
    for (char c : output_) {
      if (c != '.' &&
          std::none_of(inputs_.begin(), inputs_.end(), [&](const std::string& t) { return has(t, c); })) {
        Fail(absl::StrCat("label ", std::string(1, c), " is in no operand"));
      }
    }
  }

  static std::string Ellipsis(std::int64_t count) {
    std::string labels;
    for (std::int64_t i = count; i > 0; --i) labels += static_cast<char>(i);  // the last dimension is 1
    return labels;
  }

  void Bind(const Tensor& tensor, const std::string& pattern) {
    const Shape shape = node_of(tensor, "einsum", at_).shape;
    const bool open = has(pattern, '.');
    const std::int64_t covered = shape.rank() - (static_cast<std::int64_t>(pattern.size()) - (open ? 1 : 0));
    if (covered < 0 || (!open && covered != 0)) {
      std::string text = pattern;
      if (open) text.replace(text.find('.'), 1, "...");
      Fail(absl::StrCat("term ", text, " for an operand of shape ", shape.ToString()));
    }
    if (covered >= ' ') Fail(absl::StrCat("an ellipsis of ", covered, " dimensions"));
    ellipsis_ = std::max(ellipsis_, covered);
    Term term{tensor, {}};
    for (char c : pattern) {
      if (c == '.') {
        term.labels += Ellipsis(covered);
      } else {
        term.labels += c;
      }
    }
    for (std::size_t d = 0; d < term.labels.size(); ++d) Extent(term.labels[d], shape[d]);
    term = TakeDiagonals(std::move(term));
    terms_.push_back(std::move(term));
  }

  void Extent(char label, std::int64_t extent) {
    const auto [it, fresh] = extents_.emplace(label, extent);
    if (fresh || it->second == extent) return;
    if (label < ' ' && (it->second == 1 || extent == 1)) {
      it->second = it->second == 1 ? extent : it->second;
      return;
    }
    Fail(label < ' '
             ? absl::StrCat("the ellipsis has extents ", it->second, " and ", extent)
             : absl::StrCat("label ", std::string(1, label), " has extents ", it->second, " and ", extent));
  }

  // A label that stands twice: both dimensions, moved to the end and flattened, hold the diagonal at every
  // (extent + 1)th element.
  Term TakeDiagonals(Term t) {
    for (std::size_t i = 0; i < t.labels.size();) {
      const char c = t.labels[i];
      const std::size_t j = t.labels.find(c, i + 1);
      if (j == std::string::npos) {
        ++i;
        continue;
      }
      std::vector<int> order;
      Shape flat;
      std::string left;
      for (std::size_t d = 0; d < t.labels.size(); ++d) {
        if (d == i || d == j) continue;
        order.push_back(static_cast<int>(d));
        flat.push_back(t.tensor.shape()[d]);
        left += t.labels[d];
      }
      order.push_back(static_cast<int>(i));
      order.push_back(static_cast<int>(j));
      const std::int64_t n = t.tensor.shape()[i];
      flat.push_back(n * n);
      std::vector<Slice> parts(left.size());
      parts.emplace_back(std::nullopt, std::nullopt, n + 1);
      t.tensor = slice(reshape(transpose(t.tensor, order, at_), flat, at_), parts, at_);
      t.labels = left + c;
      i = 0;
    }
    return t;
  }

  void ImplyOutput() {
    std::map<char, int> uses;
    for (const std::string& pattern : inputs_) {
      for (char c : pattern) ++uses[c];
    }
    if (uses.erase('.') != 0) output_ = ".";
    for (const auto& [c, n] : uses) {  // in the order of the characters, as NumPy
      if (n == 1) output_ += c;
    }
  }

  void BindOutput() {
    std::string result;
    for (char c : output_) {
      if (c == '.') {
        result += Ellipsis(ellipsis_);
      } else {
        result += c;
      }
    }
    if (ellipsis_ > 0 && !has(output_, '.')) Fail("the result has no ellipsis");
    output_ = result;
  }

  void DropBroadcast(Term& t) {
    Shape shape;
    std::string left;
    for (std::size_t d = 0; d < t.labels.size(); ++d) {
      const std::int64_t extent = t.tensor.shape()[d];
      if (extent != extents_.at(t.labels[d])) continue;
      shape.push_back(extent);
      left += t.labels[d];
    }
    if (left.size() == t.labels.size()) return;
    t = {reshape(t.tensor, shape, at_), left};
  }

  bool Wanted(char label, std::size_t skip1, std::size_t skip2) const {
    if (has(output_, label)) return true;
    for (std::size_t k = 0; k < terms_.size(); ++k) {
      if (k != skip1 && k != skip2 && has(terms_[k].labels, label)) return true;
    }
    return false;
  }

  // Sums away the labels of term i that nobody else has.
  void SumPrivate(std::size_t i) {
    std::vector<int> axes;
    std::string left;
    for (std::size_t d = 0; d < terms_[i].labels.size(); ++d) {
      if (Wanted(terms_[i].labels[d], i, i)) {
        left += terms_[i].labels[d];
      } else {
        axes.push_back(static_cast<int>(d));
      }
    }
    if (!axes.empty()) terms_[i] = {sum(terms_[i].tensor, axes, false, at_), left};
  }

  // The labels of the product of terms i and j: batch, free of i, free of j, as dot_general gives them.
  std::string ProductLabels(std::size_t i, std::size_t j) const {
    const std::string &x = terms_[i].labels, &y = terms_[j].labels;
    std::string batch, free_x, free_y;
    for (char c : x) {
      if (!has(y, c)) {
        free_x += c;
      } else if (Wanted(c, i, j)) {
        batch += c;
      }
    }
    for (char c : y) {
      if (!has(x, c)) free_y += c;
    }
    return batch + free_x + free_y;
  }

  void ContractCheapest() {
    std::size_t best_i = 0, best_j = 1;
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      for (std::size_t j = i + 1; j < terms_.size(); ++j) {
        double size = 1;
        for (char c : ProductLabels(i, j)) size *= static_cast<double>(extents_.at(c));
        if (size < best) {
          best = size;
          best_i = i;
          best_j = j;
        }
      }
    }
    const Term &x = terms_[best_i], &y = terms_[best_j];
    std::vector<int> batch_x, batch_y, sum_x, sum_y;
    for (std::size_t d = 0; d < x.labels.size(); ++d) {
      const std::size_t e = y.labels.find(x.labels[d]);
      if (e == std::string::npos) continue;
      const bool batch = Wanted(x.labels[d], best_i, best_j);
      (batch ? batch_x : sum_x).push_back(static_cast<int>(d));
      (batch ? batch_y : sum_y).push_back(static_cast<int>(e));
    }
    Term product{dot_general(x.tensor, y.tensor, sum_x, sum_y, batch_x, batch_y, at_),
                 ProductLabels(best_i, best_j)};
    terms_[best_i] = std::move(product);
    terms_.erase(terms_.begin() + static_cast<std::ptrdiff_t>(best_j));
    SumPrivate(best_i);
  }

  // The last term with its dimensions in the order of the result. All its labels are the result's; one that
  // every operand broadcasts has extent 1 and is still there.
  Tensor Arrange(Term t) const {
    std::vector<int> axes;
    for (char c : output_) axes.push_back(static_cast<int>(t.labels.find(c)));
    return axes.empty() ? t.tensor : transpose(t.tensor, axes, at_);
  }

  const std::string_view formula_;
  const SourceLocation at_;
  std::vector<std::string> inputs_;
  std::string output_;
  bool explicit_output_ = false;
  std::int64_t ellipsis_ = 0;
  std::map<char, std::int64_t> extents_;
  std::vector<Term> terms_;
};

}  // namespace

Tensor einsum(std::string_view formula, std::span<const Tensor> operands, Here at) {
  return Einsum(formula, at).Run(operands);
}

}  // namespace leat
