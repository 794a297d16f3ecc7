#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

// -weight[target] * log_probabilities[n, target, ...], reduced. Targets of `ignore_index` count for nothing.
Tensor negative_log_likelihood(Call& c, const Tensor& log_probabilities) {
  const Tensor target = astype(c.input(1), DType::i64), weight = c.optional(2);
  if (log_probabilities.rank() < 2 || target.rank() + 1 != log_probabilities.rank()) {
    c.Fail("scores [n,c,...] and labels [n,...], got ", type_text(log_probabilities), " and ",
           type_text(target));
  }
  Tensor label = target, counts;
  const bool ignores = c.has_attribute("ignore_index");
  if (ignores) {
    counts = target != c.integer("ignore_index", 0);
    label = where(counts, target, 0);
  }
  Tensor loss = -squeeze(gather_elements(log_probabilities, expand_dims(label, 1), 1), 1);
  Tensor share;  // what each label counts in the mean
  if (weight.defined()) share = gather(weight, label);
  if (ignores) share = weight.defined() ? where(counts, share, 0) : astype(counts, loss.dtype());
  if (share.defined()) loss = loss * share;
  const std::string reduction = c.text("reduction", "mean");
  if (reduction == "none") return loss;
  if (reduction == "sum") return sum(loss);
  if (reduction != "mean") c.Fail("reduction is \"", reduction, "\"");
  return share.defined() ? sum(loss) / sum(share) : mean(loss);
}

}  // namespace

Results import_negative_log_likelihood_loss(Call& c) { return {negative_log_likelihood(c, c.input(0))}; }

Results import_softmax_cross_entropy_loss(Call& c) {
  const Tensor log_probabilities = log_softmax(c.input(0), 1);
  return {negative_log_likelihood(c, log_probabilities), log_probabilities};
}

}  // namespace leat::onnx
