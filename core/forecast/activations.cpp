#include "core/forecast/activations.h"

#include <algorithm>
#include <set>
#include <vector>

#include "core/nn/adapter.h"

namespace filigree::train {
namespace {

constexpr double kFloat = 4;
constexpr double kBatchBytes = 5 * 8;  // per token: id, type, position, label and dropout key

/// One site of the passes, in bytes.
struct Place {
  double kept = 0;      ///< from the forward pass until the backward pass has left this site
  double forward = 0;   ///< in addition, while the forward pass is here
  double backward = 0;  ///< in addition to what is kept, while the backward pass is here
  double held = 0;      ///< from the backward pass here to the end
};

double fullest_moment(const std::vector<Place>& places) {
  double kept = 0, held = 0, most = 0;
  for (const Place& place : places) {
    kept += place.kept;
    most = std::max(most, kept + place.forward);
  }
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    most = std::max(most, kept + held + place->backward);
    kept -= place->kept;
    held += place->held;
  }
  return std::max(most, held);
}

double rows_of(const nn::Linear& linear) { return static_cast<double>(linear.weight()->value().size(0)); }
double columns_of(const nn::Linear& linear) { return static_cast<double>(linear.weight()->value().size(1)); }

/// The low-rank part of a linear's update.
struct LowRank {
  double rank = 0, elements = 0;
};

LowRank low_rank_of(const nn::Linear& linear) {
  const auto form = linear.adapter() ? linear.adapter()->low_rank_form() : std::nullopt;
  if (!form || !form->u) return {};
  return {static_cast<double>(form->rank()), static_cast<double>(form->u->numel() + form->v->numel())};
}

double trainable_elements(const nn::Linear& linear) {
  double elements = 0;
  const auto add = [&](const nn::ParameterPtr& parameter) {
    if (parameter && parameter->trainable()) elements += static_cast<double>(parameter->value().numel());
  };
  add(linear.weight());
  add(linear.bias());
  for (const nn::ParameterPtr& parameter : linear.added_parameters()) add(parameter);
  return elements;
}

bool keeps_input(const nn::Linear& linear) {
  return linear.weight()->trainable() || linear.adapter() || linear.transform();
}

/// How many parameters between a linear and the next one train: those of the normalization that follows it.
int trained_after(nn::Model& model, const nn::Linear& linear) {
  std::set<const nn::Parameter*> weights;
  for (const nn::Linear* other : model.linears()) weights.insert(other->weight().get());
  int trained = 0;
  bool after = false;
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (parameter == linear.weight()) {
      after = true;
    } else if (after && weights.contains(parameter.get())) {
      break;
    } else if (after && parameter != linear.bias() && parameter->trainable()) {
      ++trained;
    }
  }
  return trained;
}

class MemoryTrace {
 public:
  MemoryTrace(nn::Model& model, const MicroBatch& batch, const TraceOptions& options)
      : model_(model), batch_(batch), options_(options), element_(static_cast<double>(options.element)) {}

  std::vector<Place> list() {
    gradients_ = embeddings_train(model_);
    embeddings();
    const auto& groups = model_.structures();
    for (size_t i = 0, first = places_.size(); i < groups.size(); ++i) {
      block(groups[i]);
      const bool ends = i + 1 == groups.size() || groups[i + 1].layer != groups[i].layer;
      if (ends && options_.recompute) join(first);
      if (ends) first = places_.size();
    }
    head();
    return places_;
  }

 private:
  /// Bytes of one row per token in the compute type.
  double rows(double width) const { return batch_.tokens * width * element_; }

  /// Joins the sites of a layer into one.
  void join(size_t first) {
    const std::vector<Place> layer(places_.begin() + static_cast<int64_t>(first), places_.end());
    Place whole;
    whole.kept = rows(static_cast<double>(model_.hidden_size()));
    for (const Place& place : layer) {
      whole.forward = std::max(whole.forward, place.kept + place.forward);
      whole.held += place.held;
    }
    whole.backward = fullest_moment(layer);
    places_.resize(first);
    places_.push_back(whole);
  }

  void embeddings() {
    const auto width = static_cast<double>(model_.hidden_size());
    Place place;
    place.kept = batch_.tokens * kBatchBytes;
    place.forward = batch_.tokens * width * kFloat + 2 * rows(width);
    if (gradients_) {
      place.kept += rows(width);
      place.backward = 2 * rows(width) + batch_.tokens * width * kFloat;
      for (const nn::Embedding* table : model_.embeddings())
        if (table->weight()->trainable())
          place.backward += kFloat * static_cast<double>(table->weight()->value().numel());
    }
    places_.push_back(place);
  }

  Place linear(const nn::Linear& linear, double count, bool input_gradient, bool keep_input) const {
    const double input = count * columns_of(linear) * element_, output = count * rows_of(linear) * element_;
    const double elements = rows_of(linear) * columns_of(linear);
    if (linear.makes_weight()) return made(elements, input, output, input_gradient, keep_input);
    const bool trained = linear.weight()->trainable(), is_cast = trained && options_.element < 4;
    const LowRank update = low_rank_of(linear);
    Place place;
    place.forward = input + output + (is_cast ? elements * element_ : 0);
    if (!input_gradient && !linear.trains()) return place;
    place.kept = (keep_input ? input : 0) + (is_cast && input_gradient ? elements * element_ : 0) +
                 (count * update.rank + update.elements) * element_;
    const double back = input_gradient ? input * (linear.adapter() ? 2 : 1) : 0;
    const double weight = trained ? elements * element_ : 0;
    place.backward = back + weight + std::max(output, is_cast ? elements * kFloat : 0);
    if (options_.staged_wire) place.held = 2 * trainable_elements(linear);
    return place;
  }

  /// The weight is made in both passes, in fp32: W + D and the product in the forward pass; in the backward pass these,
  /// the scores, and the gradients of the three.
  Place made(double elements, double input, double output, bool input_gradient, bool keep_input) const {
    Place place;
    place.forward = input + output + 2 * elements * kFloat;
    place.kept = keep_input ? input : 0;
    place.backward = (input_gradient ? input : 0) + output + 7 * elements * kFloat;
    return place;
  }

  void block(const nn::StructureGroup& group) {
    const bool entered = gradients_;
    const auto width = static_cast<double>(group.members.front().linear->in_features());
    const double residual = entered ? rows(width) : 0;  // its gradient waits during the linears' backward pass
    if (entered && group.shares.size() > 1) push({0, 0, 2 * rows(width), 0}, residual);  // the sum over ranks
    const double inside = columns(group, entered, residual);
    for (const nn::StructureMember& member : group.members) {
      if (member.dim == 0) continue;
      middle(inside, rows(columns_of(*member.linear)), residual);
      push(linear(*member.linear, batch_.tokens, gradients_, keeps_input(*member.linear)), residual);
      gradients_ = gradients_ || member.linear->trains();
      normalisation(*member.linear, width);
    }
  }

  /// The linears that take the block's input, which is kept once. Returns the bytes of all their outputs.
  double columns(const nn::StructureGroup& group, bool entered, double residual) {
    double made = 0, sum = 0;  // outputs of the linears before; gradient of the input, once a later linear has made it
    bool input_kept = false;
    const auto last = std::find_if(group.members.rbegin(), group.members.rend(), [](auto& m) { return m.dim == 0; });
    for (const nn::StructureMember& member : group.members) {
      if (member.dim != 0) continue;
      const nn::Linear& one = *member.linear;
      sum = entered && &member != &*last ? residual : 0;
      push(linear(one, batch_.tokens, entered, keeps_input(one) && !input_kept), residual + made + sum);
      input_kept = input_kept || keeps_input(one);
      gradients_ = gradients_ || one.trains();
      made += rows(rows_of(one));
    }
    return made;
  }

  /// Attention keeps all its inputs and makes a gradient for each; an activation keeps its slope.
  void middle(double inside, double output, double residual) {
    push({gradients_ ? inside : 0, output + (gradients_ ? 0 : inside), gradients_ ? inside + output : 0, 0}, residual);
  }

  void normalisation(const nn::Linear& before, double width) {
    Place place{0, 3 * rows(width), 0, 0};
    if (gradients_) {
      const int trained = trained_after(model_, before);
      const double copies = trained == 0 ? 0 : options_.element < 4 ? (trained > 1 ? 3 : 1) : (trained > 1 ? 1 : 0);
      place.kept = rows(width) + batch_.tokens * kFloat;
      place.backward = rows(width) * (options_.dropout ? 3 : 2) + copies * batch_.tokens * width * kFloat;
    }
    places_.push_back(place);
  }

  void head() {
    const double count = batch_.predicted > 0 ? batch_.predicted : batch_.samples;
    const std::vector<const nn::Linear*> linears = head_linears(model_);
    for (const nn::Linear* one : linears) {
      Place place = linear(*one, count, gradients_, keeps_input(*one));
      // If the weight is also an embedding table, its gradient waits for the embedding's.
      for (const nn::Embedding* table : model_.embeddings())
        if (table->weight() == one->weight() && one->weight()->trainable())
          place.held += kFloat * rows_of(*one) * columns_of(*one);
      places_.push_back(place);
      gradients_ = gradients_ || one->trains();
      if (one == linears.back()) {
        loss(count * rows_of(*one) * kFloat, one->weight()->placement.split(0));
      } else {  // an activation and what follows it
        places_.push_back({2 * count * rows_of(*one) * element_, 0, 0, 0});
      }
    }
  }

  /// The logits live as long as the model's output. Over a sharded vocabulary, one op makes the probabilities
  /// and their gradient; otherwise two ops do.
  void loss(double logits, bool split) { places_.push_back({2 * logits, logits, split ? logits : 2 * logits, logits}); }

  void push(Place place, double waiting) {
    place.backward += waiting;
    places_.push_back(place);
  }

  nn::Model& model_;
  MicroBatch batch_;
  TraceOptions options_;
  double element_;
  bool gradients_ = false;  ///< whether the next site needs a gradient of its input
  std::vector<Place> places_;
};

}  // namespace

uint64_t peak_activations(nn::Model& model, const MicroBatch& batch, const TraceOptions& options) {
  return static_cast<uint64_t>(fullest_moment(MemoryTrace(model, batch, options).list()));
}

bool embeddings_train(nn::Model& model) {
  const nn::ParameterPtr& first = model.structures().front().members.front().linear->weight();
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (parameter == first) return false;
    if (parameter->trainable()) return true;
  }
  return false;
}

std::vector<const nn::Linear*> head_linears(nn::Model& model) {
  std::set<const nn::Linear*> in_groups;
  for (const nn::StructureGroup& group : model.structures())
    for (const nn::StructureMember& member : group.members) in_groups.insert(member.linear);
  std::vector<const nn::Linear*> outside;
  for (const nn::Linear* linear : model.linears())
    if (!in_groups.contains(linear)) outside.push_back(linear);
  return outside;
}

}  // namespace filigree::train
