// RNN, GRU and LSTM: the steps are unrolled; all gates of all steps of a direction are one product with x.
#include <cmath>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

Tensor activate(Call& c, const Activation& a, const Tensor& x) {
  if (a.name == "Tanh") return tanh(x);
  if (a.name == "Sigmoid") return sigmoid(x);
  if (a.name == "Relu") return relu(x);
  if (a.name == "Affine") return x * a.alpha + a.beta;
  if (a.name == "LeakyRelu") return leaky_relu(x, a.alpha);
  if (a.name == "ThresholdedRelu") return where(x > a.alpha, x, 0);
  if (a.name == "ScaledTanh") return tanh(x * a.beta) * a.alpha;
  if (a.name == "HardSigmoid") return clamp(x * a.alpha + a.beta, 0, 1);
  if (a.name == "Elu") return elu(x, a.alpha);
  if (a.name == "Softsign") return softsign(x);
  if (a.name == "Softplus") return softplus(x);
  c.Unsupported("the activation ", a.name);
}

// What one direction of a recurrent op works with. x is [t,b,i].
struct Direction {
  Tensor x, lengths;                      // lengths [b,1], or undefined
  Tensor w, r, w_bias, r_bias, peephole;  // [g*h,i], [g*h,h], [g*h] or undefined
  Tensor h, cell;                         // [b,h]
  std::vector<Activation> activations;
  std::int64_t hidden = 0;
  double clip = 0;
  bool backward = false;
};

struct Output {
  Tensor all, h, cell;  // [t,b,h], [b,h]
};

Tensor gate(const Tensor& gates, std::int64_t hidden, std::int64_t which) {
  return slice(gates, {{}, {which * hidden, (which + 1) * hidden}});
}
Tensor clipped(const Direction& d, const Tensor& x) { return d.clip > 0 ? clamp(x, -d.clip, d.clip) : x; }

// Runs `step` over time: step(gates of x, h, cell) -> (h, cell).
template <class Step>
Output run(const Direction& d, bool bias_beforehand, Step step) {
  const std::int64_t steps = d.x.dim(0);
  Tensor gates = matmul(d.x, transpose(d.w));
  if (d.w_bias.defined()) gates = gates + d.w_bias;
  if (bias_beforehand && d.r_bias.defined()) gates = gates + d.r_bias;
  Tensor h = d.h, cell = d.cell;
  std::vector<Tensor> all(static_cast<std::size_t>(steps));
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t t = d.backward ? steps - 1 - i : i;
    auto [next_h, next_cell] = step(slice(gates, {t}), h, cell);
    if (!d.lengths.defined()) {
      h = next_h, cell = next_cell;
      all[static_cast<std::size_t>(t)] = h;
      continue;
    }
    const Tensor on = d.lengths > t;  // beyond its length a sequence stands still, and gives 0
    h = where(on, next_h, h);
    if (next_cell.defined()) cell = where(on, next_cell, cell);
    all[static_cast<std::size_t>(t)] = where(on, next_h, 0);
  }
  return {stack(all, 0), h, cell};
}

// Reads what the three ops have in common, runs each direction, puts the results together.
template <class Run>
Results recurrent(Call& c, std::int64_t gate_count, std::vector<std::string> standard, Run run_direction) {
  const bool batch_first = c.integer("layout", 0) == 1, with_cell = gate_count == 4;
  Tensor x = c.input(0);
  if (x.rank() != 3 || c.input(1).rank() != 3 || c.input(2).rank() != 3) {
    c.Fail("x, W and R are of rank 3, got ", type_text(x), ", ", type_text(c.input(1)), " and ",
           type_text(c.input(2)));
  }
  if (batch_first) x = swap_axes(x, 0, 1);
  if (x.dim(0) == 0) c.Unsupported("a sequence of no steps");
  if (x.dim(0) > (1 << 16)) c.Unsupported("a sequence of ", x.dim(0), " steps");
  const std::int64_t hidden = c.integer("hidden_size", c.input(2).dim(2)), batch = x.dim(1);
  if (hidden < 0 || hidden > (1 << 24)) c.Fail("hidden_size is ", hidden);
  const std::string direction = c.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    c.Fail("direction is \"", direction, "\"");
  }
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  std::vector<std::string> names = c.texts("activations");
  std::vector<double> alphas = c.reals("activation_alpha"), betas = c.reals("activation_beta");
  if (names.empty()) {
    for (std::int64_t i = 0; i < directions; ++i) names.insert(names.end(), standard.begin(), standard.end());
  }
  if (names.size() != standard.size() * static_cast<std::size_t>(directions)) {
    c.Fail(names.size(), " activations for ", directions, " directions");
  }
  const auto part = [&](std::size_t i, std::int64_t k) {
    if (!c.has(i)) return Tensor();
    if (c.input(i).dim(0) != directions)
      c.Fail("input ", i, " ", type_text(c.input(i)), " for ", directions, " directions");
    return slice(c.input(i), {k});
  };
  const auto state = [&](std::size_t i, std::int64_t k) {
    if (!c.has(i)) return zeros({batch, hidden}, x.dtype());
    return batch_first ? slice(c.input(i), {{}, k}) : part(i, k);
  };
  std::vector<Tensor> all, last, last_cell;
  std::size_t next_alpha = 0, next_beta = 0;
  for (std::int64_t k = 0; k < directions; ++k) {
    Direction d;
    d.x = x;
    d.hidden = hidden;
    d.backward = k == 1 || direction == "reverse";
    d.clip = c.real("clip", 0);
    d.w = part(1, k);
    d.r = part(2, k);
    if (d.w.dim(0) != gate_count * hidden || !(d.r.shape() == Shape{gate_count * hidden, hidden})) {
      c.Fail("W ", type_text(d.w), " and R ", type_text(d.r), " for a hidden size of ", hidden);
    }
    if (const Tensor both = part(3, k); both.defined()) {
      d.w_bias = slice(both, {{0, gate_count * hidden}});
      d.r_bias = slice(both, {{gate_count * hidden, 2 * gate_count * hidden}});
    }
    if (c.has(4)) d.lengths = reshape(astype(c.input(4), DType::i64), {batch, 1});
    d.h = state(5, k);
    if (with_cell) d.cell = state(6, k);
    if (with_cell) d.peephole = part(7, k);
    for (std::size_t a = 0; a < standard.size(); ++a) {
      Activation one{names[static_cast<std::size_t>(k) * standard.size() + a], 0, 0};
      // Lists of parameters have entries only for the activations that take them.
      const auto take = [](const std::vector<double>& list, std::size_t& next, double fallback) {
        return next < list.size() ? list[next++] : fallback;
      };
      if (one.name == "LeakyRelu") one.alpha = take(alphas, next_alpha, 0.01);
      if (one.name == "ThresholdedRelu" || one.name == "Elu") one.alpha = take(alphas, next_alpha, 1);
      if (one.name == "HardSigmoid")
        one.alpha = take(alphas, next_alpha, 0.2), one.beta = take(betas, next_beta, 0.5);
      if (one.name == "Affine" || one.name == "ScaledTanh") {
        one.alpha = take(alphas, next_alpha, 1),
        one.beta = take(betas, next_beta, one.name == "Affine" ? 0 : 1);
      }
      d.activations.push_back(std::move(one));
    }
    const Output o = run_direction(d);
    all.push_back(o.all);
    last.push_back(o.h);
    if (with_cell) last_cell.push_back(o.cell);
  }
  Tensor y = stack(all, 1);  // [t,d,b,h]
  if (batch_first) y = transpose(y, {2, 0, 1, 3});
  const int axis = batch_first ? 1 : 0;
  Results results{y, stack(last, axis)};
  if (with_cell) results.push_back(stack(last_cell, axis));
  return results;
}

}  // namespace

Results import_rnn(Call& c) {
  return recurrent(c, 1, {"Tanh"}, [&](const Direction& d) {
    return run(d, true, [&](const Tensor& x, const Tensor& h, const Tensor&) {
      const Tensor next = activate(c, d.activations[0], clipped(d, x + matmul(h, transpose(d.r))));
      return std::pair(next, Tensor());
    });
  });
}

// Cho and others, arXiv:1406.1078; gates z, r, h.
Results import_gru(Call& c) {
  const bool linear_first = c.integer("linear_before_reset", 0) != 0;
  return recurrent(c, 3, {"Sigmoid", "Tanh"}, [&](const Direction& d) {
    const std::int64_t n = d.hidden;
    const Tensor r_zr = slice(d.r, {{0, 2 * n}}), r_h = slice(d.r, {{2 * n, 3 * n}});
    Tensor bias_zr, bias_h;
    if (d.r_bias.defined()) {
      bias_zr = slice(d.r_bias, {{0, 2 * n}});
      bias_h = slice(d.r_bias, {{2 * n, 3 * n}});
    }
    return run(d, false, [&](const Tensor& x, const Tensor& h, const Tensor&) {
      Tensor zr = slice(x, {{}, {0, 2 * n}}) + matmul(h, transpose(r_zr));
      if (bias_zr.defined()) zr = zr + bias_zr;
      zr = activate(c, d.activations[0], clipped(d, zr));
      const Tensor z = gate(zr, n, 0), r = gate(zr, n, 1);
      Tensor inner = matmul(linear_first ? h : r * h, transpose(r_h));
      if (bias_h.defined()) inner = inner + bias_h;
      if (linear_first) inner = r * inner;
      const Tensor candidate = activate(c, d.activations[1], clipped(d, gate(x, n, 2) + inner));
      return std::pair((1 - z) * candidate + z * h, Tensor());
    });
  });
}

// Hochreiter and Schmidhuber, 1997; gates i, o, f, c; peepholes i, o, f.
Results import_lstm(Call& c) {
  const bool coupled = c.integer("input_forget", 0) != 0;
  return recurrent(c, 4, {"Sigmoid", "Tanh", "Tanh"}, [&](const Direction& d) {
    const std::int64_t n = d.hidden;
    const auto peep = [&](const Tensor& g, const Tensor& cell, std::int64_t which) {
      return d.peephole.defined() ? g + slice(d.peephole, {{which * n, (which + 1) * n}}) * cell : g;
    };
    return run(d, true, [&](const Tensor& x, const Tensor& h, const Tensor& cell) {
      const Tensor gates = x + matmul(h, transpose(d.r));
      const auto sigma = [&](const Tensor& g) { return activate(c, d.activations[0], clipped(d, g)); };
      const Tensor i = sigma(peep(gate(gates, n, 0), cell, 0));
      const Tensor f = coupled ? 1 - i : sigma(peep(gate(gates, n, 2), cell, 2));
      const Tensor next = f * cell + i * activate(c, d.activations[1], clipped(d, gate(gates, n, 3)));
      const Tensor o = sigma(peep(gate(gates, n, 1), next, 1));
      return std::pair(o * activate(c, d.activations[2], next), next);
    });
  });
}

}  // namespace leat::onnx
