"""A participant's session: entry, schedule, steps, answers, withdrawal."""
