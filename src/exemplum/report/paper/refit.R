# Refit the main model of this study and reproduce its headline numbers.
#
#   Rscript refit.R              the tables are found beside this script
#   Rscript refit.R FOLDER       the tables are in FOLDER
#   Rscript refit.R --base       without lme4, even where it is installed
#
# Model: correct ~ condition + (1 | participant) + (1 | unit), logistic, Laplace approximation, over the main trials of
# all participants whom no rule excludes; condition x difficulty where queries are of several difficulties, with odds
# ratios of the mean log odds over difficulties. Fitted by lme4 if it is installed, else by the likelihood written out
# below. Ends with status 1 if an accuracy or an odds ratio differs from the report's in three significant digits.

arguments <- commandArgs(trailingOnly = TRUE)
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
here <- if (length(script)) dirname(normalizePath(script[1])) else getwd()
folders <- setdiff(arguments, "--base")
if (!length(folders)) folders <- file.path(here, c(".", "..", "../tables", "../data", "../results"))
with_lme4 <- !("--base" %in% arguments) && requireNamespace("lme4", quietly = TRUE)

# A table as text, from NAME.csv or a Psych-DS file ..._description-NAME_data.csv; NULL if there is none
table_of <- function(name) {
  pattern <- sprintf("^(%s\\.csv|.*description-%s_data\\.csv)$", name, name)
  for (folder in folders) {
    found <- list.files(folder, pattern, full.names = TRUE)
    if (length(found)) {
      return(read.csv(found[1], colClasses = "character", na.strings = character(), check.names = FALSE,
                      encoding = "UTF-8"))
    }
  }
  NULL
}

# Columns of a model without intercept, (trials, coefficients), and the level of each condition from the coefficients
fixed_effects <- function(condition, difficulty) {
  conditions <- unique(condition)
  difficulties <- unique(difficulty)
  k <- length(conditions)
  d <- length(difficulties)
  cell <- (match(condition, conditions) - 1) * d + match(difficulty, difficulties)
  basis <- diag(k * d)
  if (length(unique(cell)) < k * d) { # not every cell has answers: no interaction
    levels <- diag(k)[rep(seq_len(k), each = d), , drop = FALSE]
    basis <- cbind(levels, contr.sum(d)[rep(seq_len(d), k), , drop = FALSE])
    if (qr(basis[sort(unique(cell)), , drop = FALSE])$rank < ncol(basis)) basis <- levels
  }
  mean_of <- t(sapply(seq_len(k), function(i) colMeans(basis[(i - 1) * d + seq_len(d), , drop = FALSE])))
  list(conditions = conditions, columns = basis[cell, , drop = FALSE], mean = mean_of)
}

# Sums of values by group 1, ..., n
sums <- function(values, group, n) {
  total <- numeric(n)
  found <- rowsum(values, group)
  total[as.integer(rownames(found))] <- found
  total
}

# Minus the log likelihood by Laplace's approximation; random effects are sd * u, u with its mode found by Newton steps
laplace <- function(parameters, y, x, participant, unit) {
  p <- max(participant)
  q <- max(unit)
  k <- ncol(x)
  fixed <- drop(x %*% parameters[seq_len(k)])
  sd <- c(parameters[-seq_len(k)], 0)[1:2] # with one unit there is no variance between units
  logit <- function(u) fixed + sd[1] * u$p[participant] + sd[2] * u$q[unit]
  value <- function(u) sum(plogis((2 * y - 1) * logit(u), log.p = TRUE)) - (sum(u$p^2) + sum(u$q^2)) / 2
  # Newton's step, and ln|Hessian|: participants' block is diagonal and is eliminated
  newton <- function(u) {
    chance <- plogis(logit(u))
    weight <- chance * (1 - chance)
    dp <- 1 + sd[1]^2 * sums(weight, participant, p)
    dq <- 1 + sd[2]^2 * sums(weight, unit, q)
    gp <- sd[1] * sums(y - chance, participant, p) - u$p
    gq <- sd[2] * sums(y - chance, unit, q) - u$q
    both <- matrix(sd[1] * sd[2] * sums(weight, (unit - 1) * p + participant, p * q), p, q)
    rest <- diag(dq, q) - crossprod(both, both / dp)
    mq <- solve(rest, gq - crossprod(both, gp / dp))
    list(p = drop(gp - both %*% mq) / dp, q = drop(mq), size = sum(log(dp)) + as.numeric(determinant(rest)$modulus))
  }
  u <- list(p = numeric(p), q = numeric(q))
  for (step in 1:100) {
    move <- newton(u)
    size <- 1
    to <- function(size) list(p = u$p + size * move$p, q = u$q + size * move$q)
    while (size > 1e-6 && value(to(size)) < value(u)) size <- size / 2
    u <- to(size)
    if (max(abs(move$p), abs(move$q)) < 1e-9) break
  }
  -value(u) + newton(u)$size / 2
}

# Coefficients and their covariance
fit <- function(y, x, participant, unit) {
  participant <- as.integer(factor(participant))
  unit <- as.integer(factor(unit))
  several <- max(unit) > 1
  if (with_lme4) {
    random <- paste("(1 | participant)", if (several) "+ (1 | unit)")
    control <- lme4::glmerControl(
      optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhobeg = 2e-3, rhoend = 1e-8), tolPwrss = 1e-10)
    model <- suppressMessages(lme4::glmer(
      as.formula(paste("y ~ 0 + x +", random)), data = list(y = y, x = x, participant = participant, unit = unit),
      family = binomial, control = control))
    return(list(beta = unname(lme4::fixef(model)), covariance = as.matrix(vcov(model))))
  }
  # several beginnings: at a standard deviation of 0 the slope is 0, and the optimizer stays there
  level <- glm.fit(x, y, family = binomial())$coefficients
  tried <- lapply(list(c(0.5, 0.5), c(0.2, 0.8), c(0.8, 0.2)), function(sd) {
    optim(c(level, sd[seq_len(1 + several)]), laplace, y = y, x = x, participant = participant, unit = unit,
          method = "BFGS", control = list(reltol = 1e-13, maxit = 1000))
  })
  found <- tried[[which.min(sapply(tried, `[[`, "value"))]]
  found$hessian <- optimHess(found$par, laplace, y = y, x = x, participant = participant, unit = unit)
  k <- seq_len(ncol(x))
  free <- c(k, ncol(x) + which(abs(found$par[-k]) > 1e-3)) # a standard deviation of 0 is at the edge
  list(beta = unname(found$par[k]), covariance = solve(found$hessian[free, free])[k, k])
}

agrees <- TRUE
say <- function(what, ours, theirs, more = "") {
  same <- length(theirs) == 0 || is.na(theirs[1]) || abs(ours / theirs[1] - 1) < 1e-3
  agrees <<- agrees && same
  beside <- if (length(theirs) && !is.na(theirs[1])) sprintf("   report: %.4f", theirs[1]) else ""
  cat(sprintf("%-44s %8.4f%s%s%s\n", what, ours, more, beside, if (same) "" else "   DIFFERS"))
}

answers <- table_of("responses")
if (is.null(answers)) stop("there is no table of responses in ", paste(folders, collapse = ", "))
excluded <- table_of("exclusions")
estimates <- table_of("estimates")
comparisons <- table_of("comparisons")
key <- function(table) paste(table$experiment, table$observer, table$participant, sep = "\r")
out <- if (is.null(excluded)) character() else key(excluded)[excluded$verdict == "excluded"]
main <- answers[answers$trial_kind == "main" & answers$observer_kind == "person" & !(key(answers) %in% out), ]
if (!nrow(main)) stop("there are no main trials of people in the table of responses")
main$right <- as.numeric(tolower(main$correct) == "true")
cat(R.version.string, if (with_lme4) paste("lme4", packageVersion("lme4")) else "Laplace by optim", "\n", sep = ", ")

for (own in split(main, paste(main$experiment, main$observer))) {
  here_of <- function(table) {
    table[table$experiment == own$experiment[1] & table$observer == own$observer[1] & table$measure == "accuracy" &
            table$by == "all", ]
  }
  cat(sprintf("\n%s, %s: %d participants, %d units, %d main trials\n", own$experiment[1], own$observer[1],
              length(unique(own$participant)), length(unique(own$unit)), nrow(own)))
  known <- if (!is.null(estimates)) here_of(estimates)
  for (name in sort(unique(own$condition))) {
    rows <- own[own$condition == name, ]
    said <- known[known$condition == name & known$trial_kind == "main" & known$aggregate == "participants", ]
    say(paste("accuracy,", name), mean(tapply(rows$right, rows$participant, mean)), as.numeric(said$estimate))
  }
  # where all answers are alike, in a condition or at one of its difficulties, the likelihood has no maximum
  varies <- tapply(own$right, paste(own$condition, own$difficulty, sep = "\r"), function(y) min(y) < max(y))
  constant <- unique(sub("\r.*", "", names(varies)[!varies]))
  for (name in constant) cat("no odds ratio of ", name, ": some of its answers are all right, or all wrong\n", sep = "")
  own <- own[!(own$condition %in% constant), ]
  if (length(unique(own$condition)) < 2 || length(unique(own$participant)) < 2) next
  fixed <- fixed_effects(own$condition, own$difficulty)
  found <- fit(own$right, fixed$columns, own$participant, own$unit)
  known <- if (!is.null(comparisons)) here_of(comparisons)
  if (!is.null(known)) known <- known[known$test == "glmm" & known$effect_name == "odds_ratio", ]
  pairs <- if (!is.null(known) && nrow(known)) known[, c("a", "b")] else {
    data.frame(t(combn(sort(fixed$conditions), 2)), stringsAsFactors = FALSE)
  }
  for (row in seq_len(nrow(pairs))) {
    a <- pairs[row, 1]
    b <- pairs[row, 2]
    if (!all(c(a, b) %in% fixed$conditions)) next
    contrast <- fixed$mean[fixed$conditions == a, ] - fixed$mean[fixed$conditions == b, ]
    value <- sum(contrast * found$beta)
    error <- sqrt(drop(contrast %*% found$covariance %*% contrast))
    ends <- exp(value + c(-1, 1) * qnorm(0.975) * error)
    theirs <- if (!is.null(known)) as.numeric(known$effect[known$a == a & known$b == b])
    say(sprintf("odds ratio, %s against %s", a, b), exp(value), theirs, sprintf(" (%.3f to %.3f)", ends[1], ends[2]))
  }
}
cat(if (agrees) "\nreproduced\n" else "\nNOT reproduced\n")
quit(status = if (agrees) 0 else 1)
