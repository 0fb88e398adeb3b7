"""What happens in a session: entry, schedule, steps, answers, withdrawal."""
