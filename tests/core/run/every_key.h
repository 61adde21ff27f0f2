#pragma once
// Every key of a recipe with a change of it, for the tests that compare two recipes.
#include <string>
#include <vector>

#include "tests/core/run/every_method_key.h"

namespace filigree::train::test {

inline const char* const kClasses = R"(
name: base
seed: 1
model: {path: /model, task: sequence_classification}
data: {format: tsv, dir: /data, text: [sentence], label: label}
stages:
  - {name: warm, method: bitfit, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: all, method: full, train: {epochs: 2, batch_size: 8, lr: 1e-3}}
  - {name: low, method: {name: lora, rank: 4, targets: [query]}, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: both, method: {name: dsee, rank: 4, num_sparse: 8, targets: [value]}, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: cut, prune: {structure: [heads, ffn], heads: 0.2, ffn: 0.3}}
  - {name: recover, train: {max_steps: 4, batch_size: 8, lr: 1e-3, distill: {weight: 0.5}}}
  - {name: zero, prune: {sparsity: 0.3}}
  - {name: out, export: {format: hf, dir: export}}
)";
inline const char* const kMasked = R"(
name: base
model: {path: /model, task: masked_lm}
data: {format: tsv, dir: /data, text: [sentence]}
stages:
  - {name: all, method: full, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
)";
inline const char* const kCausal = R"(
name: base
model: {path: /model, task: causal_lm}
data: {format: text, dir: /data, train: train.txt, dev: dev.txt}
stages:
  - {name: all, method: full, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
)";
inline const char* const kContexts = R"(
name: base
model: {path: /model, task: causal_lm}
data: {format: e2e, dir: /data, train: train.txt, dev: dev.txt}
eval: {generate: {beams: 2}}
stages:
  - {name: all, method: full, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
)";

inline std::vector<Row> with_methods(std::vector<Row> rows) {
  for (Row& row : rows)
    if (row.recipe == nullptr) row.recipe = kClasses;
  rows.insert(rows.end(), method_rows().begin(), method_rows().end());
  return rows;
}

/// The rows of this file and of every_method_key.h.
inline const std::vector<Row>& rows() {
  static const std::vector<Row> table = with_methods({
      {"name", "name=other", ""},
      {"seed", "seed=8", ""},
      {"model.path", "model.path=/elsewhere", ""},
      {"model.task", "model.task=regression", "", {"stages.recover.train.distill=null"}},
      {"model.reset_head", "model.reset_head=false", ""},
      {"model.init", "model.init=random", ""},
      {"model.dropout", "model.dropout=0.3", ""},
      {"model.init_lora", "model.init_lora=/lora", "", {"stages.warm.method={name: lora, rank: 2, targets: [key]}"}},
      {"data.format", "data.format=csv", ""},
      {"data.task", "data.task=sst2", ""},
      {"data.dir", "data.dir=/other", ""},
      {"data.train", "data.train=a.tsv", ""},
      {"data.dev", "data.dev=a.tsv", ""},
      {"data.test", "data.test=a.tsv", ""},
      {"data.text", "data.text=[title]", ""},
      {"data.label", "data.label=class", ""},
      {"data.labels", "data.labels=[a, b]", ""},
      {"data.header", "data.header=false", "", {"data.text=[0]", "data.label=1", "data.header=true"}},
      {"data.metric", "data.metric=f1", ""},
      {"data.max_length", "data.max_length=32", ""},
      {"data.bad_rows", "data.bad_rows=skip", ""},
      {"data.max_train_samples", "data.max_train_samples=5", ""},
      {"data.mask_probability", "data.mask_probability=0.3", "", {}, kMasked},
      {"data.pack", "data.pack=true", "", {}, kCausal},
      {"parallel.tensor", "parallel.tensor=2", ""},
      {"parallel.device", "parallel.device=cuda", ""},
      {"parallel.backend", "parallel.backend=mpi", ""},
      {"parallel.precision", "parallel.precision=bf16", ""},
      {"parallel.timeout", "parallel.timeout=5", ""},
      {"parallel.grad_dtype", "parallel.grad_dtype=bf16", ""},
      {"parallel.bucket_mb", "parallel.bucket_mb=3", ""},
      {"parallel.shard_frozen", "parallel.shard_frozen=true", ""},
      {"stages[].name", "stages.out.name=end", ""},
      {"stages[].method", "stages.warm.method=head", "stages.0.method.name"},
      {"stages[].method(bitfit).modules", "stages.warm.method={name: bitfit, modules: [query]}",
       "stages.0.method.modules"},
      {"stages[].method(layernorm).modules",
       "stages.warm.method={name: layernorm, modules: [LayerNorm]}",
       "stages.0.method.modules",
       {"stages.warm.method=layernorm"}},
      {"stages[].method(dsee).rank", "stages.both.method.rank=3", ""},
      {"stages[].method(dsee).alpha", "stages.both.method.alpha=3", ""},
      {"stages[].method(dsee).num_sparse", "stages.both.method.num_sparse=3", ""},
      {"stages[].method(dsee).targets", "stages.both.method.targets=[key]", ""},
      {"stages[].method(dsee).support", "stages.both.method.support=random", ""},
      {"stages[].method(dsee).passes", "stages.both.method.passes=3", ""},
      {"stages[].method(dsee).sparse_density",
       "stages.both.method.sparse_density=0.01",
       "",
       {"stages.both.method={name: dsee, rank: 4, targets: [value], sparse_density: 0.02}"}},
      {"stages[].method(dsee).support_rank",
       "stages.both.method.support_rank=3",
       "",
       {"stages.both.method.support=principal"}},
      {"stages[].method(dsee).support_warmup",
       "stages.both.method.support_warmup=3",
       "",
       {"stages.both.method.support=gradient"}},
      {"stages[].method(dsee).support_batches",
       "stages.both.method.support_batches=3",
       "",
       {"stages.both.method.support=gradient"}},
      {"stages[].method(dsee).scale_sparse", "stages.both.method.scale_sparse=false", ""},
      {"stages[].method(dsee).train_head", "stages.both.method.train_head=false", ""},
      {"stages[].method(full).freeze", "stages.all.method={name: full, freeze: [embeddings]}",
       "stages.1.method.freeze"},
      {"stages[].method(lora).rank", "stages.low.method.rank=3", ""},
      {"stages[].method(lora).alpha", "stages.low.method.alpha=3", ""},
      {"stages[].method(lora).targets", "stages.low.method.targets=[key]", ""},
      {"stages[].method(lora).train_head", "stages.low.method.train_head=false", ""},
      {"stages[].prune", "stages.warm.prune={structure: [ffn], ffn: 0.1}", "stages.0.prune.ffn"},
      {"stages[].prune.structure", "stages.cut.prune={structure: [ffn], ffn: 0.3}", "stages.4.prune.structure"},
      {"stages[].prune.heads", "stages.cut.prune.heads=0.4", ""},
      {"stages[].prune.ffn", "stages.cut.prune.ffn=0.4", ""},
      {"stages[].prune.sparsity", "stages.zero.prune.sparsity=0.4", ""},
      {"stages[].prune.targets", "stages.zero.prune.targets=[query]", ""},
      {"stages[].prune.score", "stages.cut.prune.score=taylor", ""},
      {"stages[].prune.scope", "stages.cut.prune.scope=global", ""},
      {"stages[].prune.below", "stages.cut.prune.below=2", "", {"stages.cut.prune={structure: [ffn], below: 1}"}},
      {"stages[].prune.schedule", "stages.cut.prune.schedule=cubic", "", {"stages.cut.prune.steps=2"}},
      {"stages[].prune.mask", "stages.zero.prune.mask=merged", ""},
      {"stages[].prune.regrow", "stages.zero.prune.regrow=true", ""},
      {"stages[].rewind", "stages.cut.rewind={stage: all}", "stages.4.rewind.stage"},
      {"stages[].rewind.stage", "stages.cut.rewind.stage=low", "", {"stages.cut.rewind={stage: all}"}},
      {"stages[].rewind.step", "stages.cut.rewind.step=2", "", {"stages.cut.rewind={stage: all}"}},
      {"stages[].prune.steps", "stages.cut.prune.steps=2", ""},
      {"stages[].prune.batches", "stages.cut.prune.batches=3", "", {"stages.cut.prune.score=taylor"}},
      {"stages[].prune.batch_size", "stages.cut.prune.batch_size=3", "", {"stages.cut.prune.score=taylor"}},
      {"stages[].train", "stages.zero.train={max_steps: 1, batch_size: 2, lr: 1e-3}", "stages.6.train.max_steps"},
      {"stages[].train.epochs", "stages.all.train.epochs=3", ""},
      {"stages[].train.max_steps", "stages.warm.train.max_steps=3", ""},
      {"stages[].train.batch_size", "stages.warm.train.batch_size=3", ""},
      {"stages[].train.gradient_accumulation", "stages.warm.train.gradient_accumulation=3", ""},
      {"stages[].train.activation_checkpointing", "stages.warm.train.activation_checkpointing=true", ""},
      {"stages[].train.lr", "stages.warm.train.lr=5e-2", ""},
      {"stages[].train.beta1", "stages.warm.train.beta1=0.5", ""},
      {"stages[].train.beta2", "stages.warm.train.beta2=0.5", ""},
      {"stages[].train.eps", "stages.warm.train.eps=1e-3", ""},
      {"stages[].train.weight_decay", "stages.warm.train.weight_decay=0.3", ""},
      {"stages[].train.schedule", "stages.warm.train.schedule=constant", ""},
      {"stages[].train.warmup", "stages.warm.train.warmup=0.3", ""},
      {"stages[].train.max_grad_norm", "stages.warm.train.max_grad_norm=3", ""},
      {"stages[].train.label_smoothing", "stages.all.train.label_smoothing=0.3", "", {}, kMasked},
      {"stages[].train.distill.weight", "stages.recover.train.distill.weight=0.3", ""},
      {"stages[].train.distill.temperature", "stages.recover.train.distill.temperature=3", ""},
      {"stages[].export.format", "stages.out.export.format=filigree", ""},
      {"stages[].export.dir", "stages.out.export.dir=other", ""},
      {"stages[].export.dtype", "stages.out.export.dtype=bf16", ""},
      {"stages[].export.shard_mb", "stages.out.export.shard_mb=3", ""},
      {"checkpoint.every", "checkpoint.every=3", ""},
      {"checkpoint.minutes", "checkpoint.minutes=3", ""},
      {"checkpoint.keep", "checkpoint.keep=9", ""},
      {"eval.every", "eval.every=3", ""},
      {"eval.split", "eval.split=test", ""},
      {"eval.best", "eval.best=f1", ""},
      {"eval.batch_size", "eval.batch_size=3", ""},
      {"eval.generate.beams", "eval.generate.beams=3", "", {}, kContexts},
      {"eval.generate.max_new_tokens", "eval.generate.max_new_tokens=3", "", {}, kContexts},
      {"eval.generate.length_penalty", "eval.generate.length_penalty=0.3", "", {}, kContexts},
      {"eval.generate.no_repeat_ngram", "eval.generate.no_repeat_ngram=3", "", {}, kContexts},
      {"eval.generate.batch_size", "eval.generate.batch_size=3", "", {}, kContexts},
      {"log_every", "log_every=3", ""},
  });
  return table;
}

}  // namespace filigree::train::test
