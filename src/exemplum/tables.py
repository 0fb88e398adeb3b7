"""The schema of every table that one package passes to another: the source of `docs/reference/tables.md`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from exemplum.errors import did_you_mean
from exemplum.store import Column, Table

NAN = float("nan")

# What columns of several tables can hold
POLES = ("max", "min")
SIDES = ("top", "bottom")
SELECTIONS = ("random", "hand_picked")
TRIAL_KINDS = ("practice", "main", "catch", "repeated")
PHASES = ("practice", "pre", "main", "post", "repeated")
SCHEMES = ("Min-Max-9", "Max-9", "Min-Max-1", "Max-1")
SD = "standard deviation of the unit's activation over the corpus"

UNIT = {
    "unit": Column("str", "layer and channel, as in mixed4a:17"),
    "layer": Column("str", "layer of the unit"),
    "channel": Column("int", "channel in the layer, from 0"),
    "branch": Column(
        "str",
        "part of an Inception layer: 1x1, 3x3, 5x5 or pool; empty elsewhere",
        values=("1x1", "3x3", "5x5", "pool"),
    ),
}

# Columns of several tables
PLACE = Column("int", "place in the design, from 1")
PLACE_IN_SESSION = Column("int", "place in the session, from 0")
BLOCK = Column("int", "block of the session, from 0")
TRIAL_KIND = Column("str", "practice, main, catch or repeated", values=TRIAL_KINDS)
PHASE = Column("str", "practice, pre, main, post or repeated: where in the session the block stands", values=PHASES)
SCHEME = Column("str", "Min-Max-9, Max-9, Min-Max-1 or Max-1; empty for none", values=SCHEMES)
SELECTION = Column("str", "random or hand_picked", values=SELECTIONS)
STIMULUS_SET = Column("str", "a to h in borowski2021-2; empty elsewhere")
BATCH = Column("int", "number of the batch: its queries, and natural references")
REPEATS = Column("str", "trial_id of the first showing, for repeated trials; empty elsewhere")
DIFFICULTY = Column(
    "str", "of the queries: extreme, a window such as 0.95, or a name; empty if they are shown references", ""
)
MARGIN = Column(
    "float",
    "activation of the maximal query minus that of the minimal one, in the unit's standard deviations over the "
    "corpus; NaN if not known",
    NAN,
    unit=SD,
)
TRIAL_ANSWERED = Column("str", "the trial answered")
EXPERTISE = Column("str", "expert or lay; empty if not asked")
PATH_OF_STIMULUS = Column("str", "file, relative to the study folder, as in stimuli")
GROUP = Column("str", "images of one group are near-duplicates; empty for none")
PERCENTILE = Column("float", "percentage of the corpus with a lower activation; NaN without an index", unit="percent")
SUBSET = Column("str", "all, correct or wrong")

IMAGES = Table(
    "images",
    "Images of the corpus that could not be used; index/broken.parquet.",
    {"image": Column("str", "id in the corpus"), "reason": Column("str", "why it could not be decoded")},
)

INDEX_UNITS = Table(
    "index units",
    "One row per unit of the indexed layers, with its activations over the corpus; index/units.parquet.",
    UNIT
    | {
        "count": Column("int", "images measured"),
        "active": Column("int", "images for which the activation is not zero; -1 if not counted", -1),
        "mean": Column("float", "mean activation"),
        "std": Column("float", "standard deviation of the activation (population)"),
        "low": Column("float", "lowest activation"),
        "high": Column("float", "highest activation"),
        "q01": Column("float", "1st percentile, from the index's random sample of images"),
        "q05": Column("float", "5th percentile"),
        "q25": Column("float", "25th percentile"),
        "q50": Column("float", "median"),
        "q75": Column("float", "75th percentile"),
        "q95": Column("float", "95th percentile"),
        "q99": Column("float", "99th percentile"),
        "dead": Column("bool", "whether the activation is the same for every image"),
        "rare": Column("bool", "whether it is zero for all but 19 images or fewer: too few for exemplars", False),
    },
)

# a dictionary has 10⁷ rows: texts as codes, and numbers no wider than they must be
EXTREMES = Table(
    "extremes",
    "The images that activate each unit most and least; index/extremes.parquet.",
    {
        "unit": Column("category", UNIT["unit"].meaning),
        "layer": Column("category", UNIT["layer"].meaning),
        "channel": Column("int32", UNIT["channel"].meaning),
        "branch": Column("category", UNIT["branch"].meaning),
        "pole": Column("category", "max or min"),
        "rank": Column("int16", "0 is the most extreme"),
        "row": Column("int", "position of the image in the corpus"),
        "image": Column("category", "id of the image in the corpus"),
        "group": Column("category", "images of one group are near-duplicates; empty for none"),
        "activation": Column("float32", "the unit's activation for the image"),
        "y": Column("int16", "row of the cell of the unit's map that makes the image an extreme; -1 for none"),
        "x": Column("int16", "column of that cell; -1 for none"),
        "top": Column("int16", "box of that cell, in pixels of the image as the network sees it: its first row"),
        "left": Column("int16", "its first column"),
        "bottom": Column("int16", "the row after its last; the box is the whole image if there is no cell"),
        "right": Column("int16", "the column after its last"),
    },
)

STUDY_UNITS = Table(
    "study units",
    "The units that the study tests; queries/units.parquet, explanations/units.parquet of finished stimuli.",
    UNIT
    | {
        "selection": SELECTION,
        "role": Column("str", "main: measured; practice: for practice and catch trials", values=("main", "practice")),
        "stimulus_set": STIMULUS_SET,
    },
)

QUERIES = Table(
    "queries",
    "Every pair of query images, its truth as measured; queries/queries.parquet.",
    UNIT
    | {
        "difficulty": Column("str", "extreme, a window such as 0.95, or the name of a table of study.toml: [queries]"),
        "source": Column("str", "the source of the pair: extreme, window, occlusion, …"),
        "references": Column("int", "references per pole that the pair is shown with; -1: any number"),
        "batch": Column("int", "number of the batch: which references of natural images it is shown with"),
        "query_max": Column("str", "file of the image that activates the unit more, relative to the study folder"),
        "query_min": Column("str", "file of the other image"),
        "image_max": Column("str", "id in the corpus of the image that it is or was made from; empty if there is none"),
        "image_min": Column("str", "id of the other image"),
        "group_max": GROUP,
        "group_min": Column("str", "group of the other image"),
        "activation_max": Column("float", "the unit's activation for the image in float32; NaN without a network"),
        "activation_min": Column("float", "activation for the other image"),
        "percentile_max": PERCENTILE,
        "percentile_min": Column("float", "percentile of the other image", unit="percent"),
        "margin": Column(
            "float",
            "difference of the two activations, in the unit's standard deviations over the corpus; NaN if not known",
            unit=SD,
        ),
        "facts": Column("str", "what the source keeps beside the pair, as JSON; {} for nothing"),
    },
)

STIMULI = Table(
    "stimuli",
    "Every reference picture that may be shown; explanations/stimuli.parquet.",
    UNIT
    | {
        "path": Column("str", "file, relative to the study folder; the identity of the image"),
        "method": Column("str", "explanation method"),
        "pole": Column("str", "max or min", values=POLES),
        "references": Column("int", "references per pole in the picture's set"),
        "batch": Column("int", "number of the batch that the picture is for; -1: it is used in every batch"),
        "position": Column("int", "from 0; of natural images 0 is the most extreme"),
        "image": Column("str", "id in the corpus of the image that it is or was made from; empty for none"),
        "group": GROUP,
        "activation": Column("float", "the unit's activation for this image in float32; NaN without a network"),
        "percentile": PERCENTILE,
        "margin": Column(
            "float", "distance beyond the corpus's most extreme image, in standard deviations over the corpus", unit=SD
        ),
        "failed": Column(
            "bool",
            "the picture is no more extreme than the corpus median; false of images of the corpus or of parts",
        ),
    },
)

PICTURES = Table(
    "pictures",
    "How each optimized picture was made; explanations/pictures.parquet.",
    {
        "path": PATH_OF_STIMULUS,
        "method": Column("str", "explanation method"),
        "unit": Column("str", "layer and channel, as in mixed4a:17"),
        "pole": Column("str", "max or min"),
        "position": Column("int", "place among the unit's pictures of the pole"),
        "recipe": Column("str", "recipe by name"),
        "recipe_hash": Column("str", "hash of the recipe's settings, including the study's changes to it"),
        "seed": Column("str", "seed of the picture's initial parameters"),
        "diversity": Column("float", "weight of the similarity of the unit's pictures, in units of activation"),
        "updates": Column("int", "updates done"),
        "stopped": Column("str", "why it stopped: steps (all were done) or plateau (the gradient norm was flat)"),
        "score": Column("float", "the objective before the last update, with that step's random transforms"),
    },
)

TRACES = Table(
    "traces",
    "The objective over the steps of each optimized picture; explanations/traces.parquet.",
    {
        "path": PATH_OF_STIMULUS,
        "step": Column("int", "step, from 0"),
        "score": Column("float", "the objective before that step's update: activation minus weighted similarity"),
    },
)

TRIALS = Table(
    "trials",
    "Every trial of every session that is known before the first answer; design/trials.parquet.",
    {
        "trial_id": Column("str", "participant, block and place in the block: p01-b05-t02"),
        "participant": PLACE,
        "block": BLOCK,
        "index": PLACE_IN_SESSION,
        "kind": TRIAL_KIND,
        "condition": Column("str", "explanation method of the references, or none"),
        "phase": PHASE,
        "scheme": SCHEME,
    }
    | UNIT
    | {
        "selection": SELECTION,
        "role": Column("str", "main, or practice: a unit for practice and catch trials", values=("main", "practice")),
        "stimulus_set": STIMULUS_SET,
        "batch": BATCH,
        "max_references": Column("list", "paths of the maximal references"),
        "min_references": Column("list", "paths of the minimal references"),
        "query_max": Column("str", "path of the maximal query: the right answer"),
        "query_min": Column("str", "path of the minimal query"),
        "max_side": Column("str", "top or bottom: where the maximal query stands", values=SIDES),
        "repeats": REPEATS,
        "difficulty": DIFFICULTY,
        "margin": MARGIN,
    },
)

BLOCKS = Table(
    "blocks",
    "Every block of every session; design/blocks.parquet.",
    {
        "participant": PLACE,
        "block": BLOCK,
        "kind": Column("str", "practice, main or repeated"),
        "condition": Column("str", "explanation method of the references, or none; empty if it changes in the block"),
        "phase": Column("str", "practice, pre, main, post or repeated"),
        "scheme": SCHEME,
        "trials": Column("int", "trials in the block"),
        "repeats": Column("int", "of these, trials that are chosen from the answers given"),
    },
)

RESPONSES = Table(
    "responses",
    "One row per answer, of people and machines; responses/*.parquet.",
    {
        "experiment": Column(
            "str", "protocol of the design: borowski2021-1, quick, …; with a stamp if it is no data: quick (rehearsal)"
        ),
        "observer": Column(
            "str", "who or what answered: ideal, chance, similarity, simulated, …; participants for people"
        ),
        "observer_kind": Column("str", "machine or person", values=("machine", "person")),
        "participant": Column("str", "one person, or one run of a machine over a session; unique within observer"),
        "expertise": EXPERTISE,
        "trial_id": TRIAL_ANSWERED,
        "trial": PLACE_IN_SESSION,
        "block": BLOCK,
        "trial_kind": TRIAL_KIND,
        "condition": Column("str", "natural, synthetic, none or another explanation method"),
        "phase": PHASE,
        "scheme": SCHEME,
    }
    | UNIT
    | {
        "selection": SELECTION,
        "stimulus_set": STIMULUS_SET,
        "batch": BATCH,
        "max_side": Column("str", "top or bottom: where the maximal query stood", values=SIDES),
        "choice": Column("str", "top or bottom: the query chosen", values=SIDES),
        "correct": Column("bool", "whether the maximal query was chosen"),
        "confidence": Column("int", "1 (not confident) to 3 (very confident)", values=(1, 2, 3)),
        "rt_ms": Column("float", "reaction time in milliseconds; NaN if there is none"),
        "repeats": REPEATS,
        "difficulty": DIFFICULTY,
        "margin": MARGIN,
        "query_px": Column("float", "side of a query as shown, in CSS pixels; NaN of machines, or not measured", NAN),
        "reference_px": Column("float", "side of a reference as shown, likewise; NaN too without references", NAN),
        "pixel_ratio": Column("float", "device pixels per CSS pixel, by screen and zoom; NaN likewise", NAN),
        "frame_ms": Column("float", "median frame interval while the trial was shown; NaN likewise", NAN),
        "frames_late": Column("float", "frame intervals of more than 1.5 times that; NaN likewise", NAN),
        "hidden_ms": Column(
            "float",
            "time that the page was hidden, or its window too small, while the trial was shown; NaN likewise",
            NAN,
        ),
        "blurs": Column("float", "how often the window lost the focus while the trial was shown; NaN likewise", NAN),
    },
)

EVIDENCE = Table(
    "evidence",
    "One row per trial and machine observer that grades its evidence; responses/evidence.parquet.",
    {
        "observer": Column("str", "as in responses"),
        "trial_id": TRIAL_ANSWERED,
        "evidence": Column(
            "float",
            "evidence for the maximal query, in the observer's own unit: above 0 where it is chosen. Of observers of "
            "pictures Δ, a difference of similarities",
        ),
    },
)

RATINGS = Table(
    "ratings",
    "One row per rating of how intuitive a unit's images seem; responses/ratings/*.parquet.",
    {
        "experiment": Column("str", "as in responses"),
        "observer": Column("str", "as in responses"),
        "participant": Column("str", "as in responses"),
        "expertise": EXPERTISE,
        "condition": Column("str", "the explanation method that was rated"),
        "phase": Column("str", "pre or post: before or after the trials", values=("pre", "post")),
        "unit": Column("str", "the unit whose images were rated"),
        "trial": Column("int", "place among the ratings of this phase, from 0"),
        "rating": Column("float", "-100 (not intuitive) to 100 (intuitive)", unit="points of a scale from -100 to 100"),
        "rt_ms": Column("float", "time until the rating in milliseconds; NaN if there is none"),
    },
)

PEOPLE = Table(
    "people",
    "One row per participant who finished the web experiment; responses/sessions/people.parquet.",
    {
        "experiment": Column("str", "as in responses"),
        "observer": Column("str", "as in responses: participants"),
        "participant": Column("str", "as in responses"),
        "expertise": Column("str", "as in responses"),
        "place": Column("int", "number of the design's schedule that was answered, from 1"),
        "instruction_time_s": Column("float", "visible time on the instructions; NaN if not measured"),
        "total_time_s": Column("float", "from the first trial shown to the last answer"),
        "practice_attempts": Column("int", "most rounds of one practice block; 0 without practice"),
        "comprehension_attempts": Column(
            "float", "times that the comprehension check was answered; NaN if not asked", NAN
        ),
        "comprehension_first": Column(
            "float", "of its two questions, those answered correctly the first time; NaN if not asked", NAN
        ),
        "age": Column("float", "years; NaN if not asked or not answered", unit="years"),
        "gender": Column("str", "as answered; empty if not asked"),
        "handedness": Column("str", "as answered; empty if not asked"),
        "visual_aid": Column("str", "as answered; empty if not asked"),
    },
)

SCORES = Table(
    "scores",
    "How well a machine observer tells what each unit responds to from pictures; scores/scores.parquet.",
    {
        "unit": Column("str", "layer and channel, as in mixed4a:17; of the null directions the k-th random direction"),
        "layer": Column("str", "layer of the unit"),
        "method": Column("str", "explanation method: whose pictures are the references"),
        "references": Column("int", "references per pole"),
        "difficulty": Column("str", "of the queries: extreme, or a percentile such as 0.95"),
        "observer": Column("str", "the observer, a machine: similarity, mean_colour, …"),
        "null": Column("str", "empty: the unit itself; else untrained, shuffled, directions or random"),
        "accuracy": Column("float", "share of right answers, ties counted as half; NaN without tasks"),
        "score": Column("float", "mean over the tasks of σ(Δ / sd), sd the standard deviation of its similarities"),
        "score_sd": Column(
            "float", "standard deviation of what score is the mean of; NaN for fewer than two tasks", NAN
        ),
        "evidence": Column("float", "mean Δ over the tasks, in units of the observer's similarity"),
        "predicted": Column("float", "mean of σ(α Δ), people's expected accuracy; NaN without a calibration"),
        "n_tasks": Column("int", "number of tasks; fewer than asked for if the corpus is too small"),
        "low": Column("float", "Wilson's 95 % interval of the accuracy over tasks"),
        "high": Column("float", "its upper end"),
    },
)

SCORE_SUMMARIES = Table(
    "score_summaries",
    "Scores of the units of each layer and of the network; scores/summaries.parquet.",
    {
        "layer": Column("str", "the layer; empty: all layers"),
        "method": Column("str", "as in scores"),
        "references": Column("int", "as in scores"),
        "difficulty": Column("str", "as in scores"),
        "observer": Column("str", "as in scores"),
        "null": Column("str", "as in scores"),
        "units": Column("int", "number of units with tasks"),
        "accuracy": Column("float", "mean over units"),
        "low": Column("float", "95 % interval of the accuracy over units"),
        "high": Column("float", "its upper end"),
        "score": Column("float", "mean score over units"),
        "evidence": Column("float", "mean evidence over units"),
    },
)

SCORE_DIFFERENCES = Table(
    "score_differences",
    "Scores against their nulls, and methods against each other, over units; scores/differences.parquet.",
    {
        "layer": Column("str", "the layer; empty: all layers"),
        "method": Column("str", "as in scores"),
        "references": Column("int", "as in scores"),
        "difficulty": Column("str", "as in scores"),
        "observer": Column("str", "as in scores"),
        "against": Column("str", "what is subtracted: untrained, shuffled, directions or random, or another method"),
        "paired": Column("bool", "whether the same units are compared"),
        "units": Column("int", "number of units"),
        "units_against": Column("int", "number of units of what is subtracted"),
        "difference": Column("float", "difference of the mean accuracies"),
        "low": Column("float", "95 % interval of the difference over units"),
        "high": Column("float", "its upper end"),
        "low_all": Column("float", "the same for all layers of the comparison together (Bonferroni)"),
        "high_all": Column("float", "its upper end"),
    },
)

ESTIMATES = Table(
    "estimates",
    "One row per estimate; analysis/estimates.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses; 1 or 2 for the published data"),
        "observer": Column("str", "as in responses"),
        "measure": Column(
            "str",
            "accuracy (share), rt_s (mean), rt_median_s, confidence (mean), confidence_1, confidence_2, confidence_3 "
            "(share of ratings), repeat_same_choice (share), intuitiveness (-100 to 100); d_prime, criterion, lapse, "
            "type2_auc, learning_*, split_half_*, repeat_kappa, kappa_*, noise_ceiling_*, correlation_*, "
            "disattenuated_*, reliability_*, effective_units, ppi_weight: docs/explanation/statistics.md",
        ),
        "trial_kind": Column(
            "str", "main, catch, practice or repeated; main never contains catch trials; rating for intuitiveness"
        ),
        "condition": Column(
            "str", "natural, synthetic, none, none_pre, none_post or another method; all, of several, by observer"
        ),
        "by": Column(
            "str",
            "all, layer, branch, selection, scheme, expertise, scheme+expertise, difficulty, scheme+difficulty, margin "
            "(of the queries), participant, unit, block, confidence, exclusion (main trials under each declared rule), "
            "observer (with another one, named in `group`); phase and phase+expertise for intuitiveness",
        ),
        "group": Column("str", "value of the variable named in `by`; several values joined by |; empty for all"),
        "subset": SUBSET,
        "aggregate": Column(
            "str",
            "pooled: over trials; participants, or units for a machine: mean of their means; units, by observer: over "
            "units",
        ),
        "estimate": Column("float", "the value; NaN where there are no trials"),
        "interval": Column(
            "str",
            "how the interval was made: wilson_t, t, exact (identical answers), bayes, jackknife, wilson, sem2, "
            "percentile, bca, bca_t, fisher, normal, ppi or none; docs/reference/analysis.md#intervals",
        ),
        "low": Column("float", "lower end of the interval; NaN for none"),
        "high": Column("float", "upper end of the interval; NaN for none"),
        "n_trials": Column("int", "trials used for the estimate; distinct stimuli for a machine"),
        "n_participants": Column(
            "int", "participants used for the estimate; units for a machine, or if the aggregate is"
        ),
    },
)

COMPARISONS = Table(
    "comparisons",
    "One row per comparison of two conditions or groups; analysis/comparisons.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses; 1 or 2 for the published data"),
        "observer": Column("str", "as in responses"),
        "measure": Column("str", "as in estimates"),
        "subset": SUBSET,
        "by": Column(
            "str",
            "as in estimates; condition, scheme+condition, branch+condition or phase+condition where groups are "
            "compared within a condition; order, side, unit and observer: docs/explanation/statistics.md",
        ),
        "group": Column("str", "as in estimates"),
        "a": Column(
            "str",
            "first condition, group or observer, or the term of an anova, a Wald test or a relation; the difference is "
            "a minus b",
        ),
        "b": Column("str", "second condition, group or observer; empty for a term of an anova"),
        "test": Column("str", "which test; docs/reference/analysis.md says what each does"),
        "difference": Column("float", "estimate of a minus estimate of b"),
        "effect": Column("float", "standardized effect"),
        "effect_name": Column("str", "dz, d_av, rank_biserial, partial_eta_sq, odds_ratio, odds_ratio_penalized, …"),
        "effect_low": Column("float", "lower end of the effect's 95 % interval"),
        "effect_high": Column("float", "upper end of the effect's 95 % interval"),
        "statistic": Column("float", "the test's statistic"),
        "df": Column("str", "degrees of freedom; two joined by a comma"),
        "p": Column("float", "p value, two-sided"),
        "p_adjusted": Column("float", "p value after the test's correction; docs/reference/analysis.md"),
        "n": Column("int", "participants or pairs; units with by = unit or observer"),
    },
)

MODELS = Table(
    "models",
    "One row per term of a fitted model, fixed and random; analysis/models.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses; 1 or 2 for the published data"),
        "observer": Column("str", "as in responses"),
        "measure": Column("str", "accuracy (log odds) or rt_s (ln of seconds)"),
        "model": Column("str", "glmm, glmm_slopes, lmm, lmm_slopes, gee, or calibration (α of a machine's evidence)"),
        "subset": SUBSET,
        "by": Column("str", "as in estimates"),
        "group": Column("str", "as in estimates"),
        "kind": Column(
            "str",
            "fixed; sd (of a random effect); correlation (gee: exchangeable; glmm_slopes: of effects in two "
            "conditions); probability (of a right answer, over all participants and units) and difference (of two); "
            "fit (log_likelihood, aic); none: no model was fitted",
        ),
        "term": Column(
            "str",
            "condition (over all difficulties), condition at a difficulty as in natural|0.95, two conditions as in "
            "natural - synthetic, participant, unit, participant:condition, unit:condition, residual, log_likelihood, "
            "aic, or evidence, of all conditions or of one as in evidence|natural",
        ),
        "estimate": Column("float", "coefficient or standard deviation on the scale of the link, or as kind says"),
        "std_error": Column("float", "standard error; NaN for a standard deviation"),
        "low": Column("float", "lower end of the 95 % interval"),
        "high": Column("float", "upper end of the 95 % interval"),
        "n_trials": Column("int", "trials in the model"),
        "n_participants": Column("int", "participants in the model"),
        "n_units": Column("int", "units in the model"),
        "note": Column(
            "str",
            "why there is no estimate, that a variance collapsed to 0, or which weak prior was needed; else empty",
        ),
    },
)

EFFECTS = Table(
    "effects",
    "Difficulty of each unit and skill of each person, from the mixed model; analysis/effects.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses; 1 or 2 for the published data"),
        "observer": Column("str", "as in responses"),
        "model": Column("str", "glmm_slopes, or glmm above 20,000 main trials; over all main trials"),
        "grouping": Column("str", "participant or unit"),
        "name": Column("str", "which participant or unit"),
        "condition": Column("str", "as in responses"),
        "estimate": Column("float", "deviation from the condition's mean in log odds, shrunken towards 0"),
        "std_error": Column("float", "its conditional standard deviation; NaN where the spread collapsed to 0"),
        "low": Column("float", "lower end of its 95 % interval"),
        "high": Column("float", "upper end of its 95 % interval"),
        "accuracy": Column("float", "probability of a right answer: of a unit over participants, and vice versa"),
        "accuracy_low": Column("float", "lower end of its 95 % interval"),
        "accuracy_high": Column("float", "upper end of its 95 % interval"),
        "observed": Column("float", "share of right answers, not shrunken"),
        "n_trials": Column("int", "main trials of this participant or unit in the condition"),
        "layer": Column("str", "layer of the unit; empty for participants"),
        "branch": Column("str", "branch of the unit; empty for participants"),
        "selection": Column("str", "random or hand_picked; empty for participants"),
        "margin": Column("float", "mean margin (as in stimuli) of the unit's pictures of this method; NaN if unknown"),
        "note": Column("str", "that a spread collapsed to 0, or which weak prior was needed, and why; else empty"),
    },
)

EXCLUSIONS = Table(
    "exclusions",
    "One row per participant and declared rule; analysis/exclusions.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses"),
        "observer": Column("str", "as in responses"),
        "participant": Column("str", "as in responses"),
        "rule": Column("str", "key of [exclusions] in study.toml"),
        "value": Column("float", "the participant's measured value; NaN if not known (yet)"),
        "limit": Column("float", "the rule's limit"),
        "verdict": Column(
            "str",
            "kept, excluded, or unknown: not measured (yet), which excludes nobody",
            values=("kept", "excluded", "unknown"),
        ),
        "reason": Column("str", "in words: catch accuracy .50, at least .80 wanted"),
    },
)

VERDICTS = Table(
    "verdicts",
    "Each method compared with the baseline, in words; analysis/verdicts.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses"),
        "observer": Column("str", "as in responses"),
        "by": Column("str", "as in estimates: all, scheme or difficulty"),
        "group": Column("str", "as in estimates"),
        "method": Column("str", "the explanation method that is judged"),
        "baseline": Column("str", "the method it is compared with: [explanations] baseline of study.toml"),
        "population": Column(
            "str",
            "new_units: new participants and new units; these_units: new participants, these units only; machine: "
            "new units, judged by one machine",
        ),
        "role": Column("str", "primary, secondary or exploratory: as [analysis] of study.toml declares"),
        "verdict": Column(
            "str",
            "better, worse, equivalent, undecided, or better or worse within the margin: the method against the "
            "baseline",
        ),
        "difference": Column(
            "float", "accuracy with the method minus accuracy with the baseline; the mean over difficulties if several"
        ),
        "low": Column("float", "lower end of the 95 % interval of the difference"),
        "high": Column("float", "upper end of the 95 % interval of the difference"),
        "std_error": Column("float", "standard error of the difference, for that population"),
        "df": Column("float", "degrees of freedom of its t tests"),
        "p": Column("float", "two-sided p that the difference is 0"),
        "p_adjusted": Column("float", "Holm's over the claims of the same role; NaN if exploratory"),
        "p_equivalence": Column("float", "p that the difference is not within the margin: two one-sided tests"),
        "p_equivalence_adjusted": Column("float", "Holm's over the claims of the same role; NaN if exploratory"),
        "margin": Column("float", "differences below this count as equivalent"),
        "accuracy": Column(
            "float", "accuracy with the method, the mean over those participants, or over a machine's units"
        ),
        "baseline_accuracy": Column("float", "the same with the baseline"),
        "n_participants": Column(
            "int",
            "participants with main trials in both conditions, or in one each if nobody has both; 1 for a machine",
        ),
        "n_units": Column("int", "units with main trials of them"),
        "new_participants": Column(
            "float",
            "about how many a new study with as many units needs to find a difference of the margin with 80 % power; "
            "inf if more than 10,000, NaN unknown",
        ),
        "new_units": Column("float", "the same for units, with as many participants"),
        "sentence": Column("str", "the verdict with its evidence in plain English"),
    },
)

CHECKS = Table(
    "checks",
    "What `exemplum check` found, one row per thing checked; checks/checks.parquet.",
    {
        "check": Column(
            "str",
            "copies, same_poles, same_queries, features, low_level, query_cue, pole_cue, side or activation: "
            "docs/reference/checks.md",
        ),
        "measure": Column("str", "by what pictures were compared, a low-level observer, a cue, or what was counted"),
        "condition": Column("str", "explanation method; all for every one"),
        "difficulty": Column("str", "of the queries; all for every one"),
        "scope": Column("str", "all, a unit, or a participant of the design as in participant 3"),
        "value": Column("float", "what was found; NaN where it is not known"),
        "expected": Column("float", "the value of a fair study"),
        "low": Column("float", "from here to `high` is what a fair study may have"),
        "high": Column("float", "the other end; a limit where nothing is tested"),
        "p": Column("float", "p value, corrected for all tests of the same check; NaN where nothing is tested"),
        "n": Column("int", "how many"),
        "counted": Column("str", "what n counts: references, units, trials, …"),
        "verdict": Column("str", "fine; look: somebody must; wrong: an answer is given away; unknown: not checked"),
        "found": Column("str", "what was found, in words"),
        "advice": Column("str", "what to do about it; empty for fine"),
    },
)

PEOPLE_AND_MACHINES = Table(
    "people and machines",
    "One row per unit and condition that people judged, with one machine's predictions; "
    "analysis/people_and_machines.parquet and .csv.",
    {
        "experiment": Column("str", "as in responses"),
        "observer": Column("str", "the people: participants"),
        "machine": Column("str", "the machine observer"),
        "unit": Column("str", UNIT["unit"].meaning),
        "layer": Column("str", UNIT["layer"].meaning),
        "condition": Column("str", "as in responses, never none"),
        "accuracy": Column("float", "share of right answers of people, of main trials that the machine answered too"),
        "accuracy_low": Column("float", "lower end of its Wilson interval over trials"),
        "accuracy_high": Column("float", "upper end of it"),
        "accuracy_error": Column("float", "its standard error over stimuli, or trials of one stimulus; NaN for one"),
        "n_trials": Column("int", "those trials"),
        "answers": Column("float", "share of right answers of the machine on the same trials; NaN if it has none"),
        "answers_error": Column("float", "its standard error, as of people"),
        "evidence": Column("float", "mean of its Δ in favour of the maximal query, same trials; NaN if it gives none"),
        "evidence_error": Column("float", "its standard error, as of people"),
        "score": Column("float", "its score of the unit with this method, from scores; NaN if not scored"),
        "task_accuracy": Column("float", "its accuracy over the tasks of that score"),
        "n_tasks": Column("int", "those tasks; 0 for none"),
    },
)

ALL = (
    IMAGES, INDEX_UNITS, EXTREMES, STUDY_UNITS, QUERIES, STIMULI, PICTURES, TRACES, TRIALS, BLOCKS, RESPONSES,
    EVIDENCE, RATINGS, PEOPLE, SCORES, SCORE_SUMMARIES, SCORE_DIFFERENCES, ESTIMATES, COMPARISONS, MODELS, EFFECTS,
    EXCLUSIONS, VERDICTS, PEOPLE_AND_MACHINES, CHECKS,
)  # fmt: skip
# of one file each; answers of people are told by the analysis alone, which knows whether they are to be hidden
BY_NAME = {table.name.replace(" ", "_"): table for table in ALL if not any("*" in file for file in table.files)}


class StudyTables:
    """Tables of a study folder, each an attribute: `study.tables.estimates`. They are read again each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"StudyTables({', '.join(dir(self)) or 'none made yet'})"

    def __dir__(self) -> list[str]:
        return [name for name, table in BY_NAME.items() if self._path(table).exists()]

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Raises AttributeError with close matches if no table is called so, StoreError if it is not made yet."""
        if name not in BY_NAME:
            raise AttributeError(f"a study has no table {name!r}{did_you_mean(name, BY_NAME)}")
        return BY_NAME[name].read(self._path(BY_NAME[name]))

    def _path(self, table: Table) -> Path:
        """The file that is there, of those where the table may lie; the first one if there is none."""
        paths = [self._folder / file for file in table.files]
        return next((path for path in paths if path.exists()), paths[0])
