"""With parallel.precision bf16 the loss after 20 steps is that of fp32 within 2%, for methods with and without an update, a
learned mask, a mixture and gates."""
from runs import Folder, expect, metrics, relative, run_side_by_side
from tiny import write_place

STEPS, BOUND = 20, 2e-2
METHODS = {
    "full": "full",
    "dsee": "{name: dsee, rank: 2, num_sparse: 8, targets: [query, value]}",
    "pst": "{name: pst, rank: 2, score_rank: 2, sparsity: 0.5}",
    "movement": "{name: movement, sparsity: 0.5, score_lr_ratio: 100}",
    "mixout": "{name: mixout, probability: 0.3}",
    "gates": "{name: gates, penalty: 0.01}",
}


# Scores that start at 0 and move by AdamW are almost equal for many entries, so that rounding decides which of them stay: only
# the end is compared.
LIKE_TO_THE_END = {"movement"}


def check(name, method):
    recipe = write_place(f"{folder}/{name}", f"""\
  - {{name: adapt, method: {method}, train: {{max_steps: {STEPS}, batch_size: 12, lr: 2e-3}}}}
""", alive=True)
    runs = {precision: f"{folder}/{name}/{precision}" for precision in ("fp32", "bf16")}
    run_side_by_side([("train", recipe, "--out", out, "--set", f"parallel.precision={precision}", "--set", "checkpoint.every=100")
                      for precision, out in runs.items()])
    exact, short = ([record["loss"] for record in metrics(out, ("eval",))] for out in runs.values())
    expect(len(exact) == STEPS and exact != short, f"{name}: {len(exact)} evaluations, the same in bf16: {exact == short}")
    expect(abs(exact[0] - exact[-1]) > 5 * BOUND * exact[-1], f"{name}: the loss hardly changes: {exact}")
    last, worst = relative(exact[-1:], short[-1:]), relative(exact, short)
    print(f"{name}: loss {exact[0]:.3f} to {exact[-1]:.4f}; bf16 differs by {last:.1e}, at most {worst:.1e} before")
    expect((last if name in LIKE_TO_THE_END else worst) <= BOUND, f"{name}: fp32 {exact}\nbf16 {short}")


with Folder() as folder:
    for method_name, options in METHODS.items():
        check(method_name, options)
