// TfIdfVectorizer over integers: how often each n-gram of a pool occurs, as products of comparisons.
#include <algorithm>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {

Results import_tf_idf_vectorizer(Call& c) {
  if (c.has_attribute("pool_strings")) c.Unsupported("n-grams of strings");
  const Tensor& x = c.input(0);
  if (x.rank() < 1 || x.rank() > 2 || is_float(x.dtype()))
    c.Fail("takes [c] or [n,c] integers, got ", type_text(x));
  const Integers counts = c.integers("ngram_counts"), columns = c.integers("ngram_indexes"),
                 pool = c.integers("pool_int64s");
  const std::int64_t longest = c.integer("max_gram_length"), shortest = c.integer("min_gram_length"),
                     most_skipped = c.integer("max_skip_count");
  if (longest < 1 || longest > 1024 || most_skipped < 0 || most_skipped > 1024)
    c.Fail("lengths out of range");
  std::int64_t width = 0;
  for (const std::int64_t column : columns) {
    if (column < 0 || column >= (1 << 24)) c.Fail("an ngram_index of ", column);
    width = std::max(width, column + 1);
  }
  const Tensor rows = astype(reshape(x, {x.rank() == 1 ? 1 : x.dim(0), x.dim(-1)}), DType::i64);
  Tensor total = zeros({rows.dim(0), width});
  std::size_t column = 0;
  for (std::size_t k = 0; k < counts.size(); ++k) {  // the pool has its 1-grams first, then its 2-grams, ...
    const auto length = static_cast<std::int64_t>(k) + 1;
    const std::int64_t end = k + 1 < counts.size() ? counts[k + 1] : static_cast<std::int64_t>(pool.size());
    if (counts[k] < 0 || end < counts[k] || end > static_cast<std::int64_t>(pool.size()) ||
        (end - counts[k]) % length != 0) {
      c.Fail("ngram_counts do not fit the pool");
    }
    const std::int64_t grams = (end - counts[k]) / length;
    if (grams > static_cast<std::int64_t>(columns.size() - column))
      c.Fail("there are fewer ngram_indexes than n-grams");
    const Integers at(columns.begin() + static_cast<std::ptrdiff_t>(column),
                      columns.begin() + static_cast<std::ptrdiff_t>(column) + grams);
    column += static_cast<std::size_t>(grams);
    if (grams == 0 || length < shortest || length > longest) continue;
    const Tensor wanted = tensor(Integers(pool.begin() + counts[k], pool.begin() + end), {grams, length});
    for (std::int64_t skipped = 0; skipped <= (length == 1 ? 0 : most_skipped); ++skipped) {
      const std::int64_t places = rows.dim(1) - (length - 1) * (skipped + 1);
      if (places < 1) break;
      Tensor found;  // [rows, places, grams]
      for (std::int64_t j = 0; j < length; ++j) {
        const std::int64_t from = j * (skipped + 1);
        const Tensor item = expand_dims(slice(rows, {{}, {from, from + places}}), 2);
        const Tensor same = item == slice(wanted, {{}, j});
        found = found.defined() ? found & same : same;
      }
      const Tensor occurs = sum(astype(found, DType::f32), 1);
      const Tensor place = broadcast_to(tensor(at), occurs.shape());
      total = scatter_elements(total, place, occurs, 1, "add");
    }
  }
  const std::string mode = c.text("mode", "TF");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") c.Fail("mode is \"", mode, "\"");
  if (mode != "TF") {
    const std::vector<double> weights = c.reals("weights");
    c.Spend(static_cast<double>(width), sizeof(float));
    std::vector<float> by_column(static_cast<std::size_t>(width), 1);
    for (std::size_t i = 0; i < weights.size() && i < columns.size(); ++i) {
      by_column[static_cast<std::size_t>(columns[i])] = static_cast<float>(weights[i]);
    }
    const Tensor w = tensor(by_column);
    total = mode == "TFIDF" ? total * w : where(total > 0, broadcast_to(w, total.shape()), 0);
  }
  return {x.rank() == 1 ? reshape(total, {width}) : total};
}

}  // namespace leat::onnx
