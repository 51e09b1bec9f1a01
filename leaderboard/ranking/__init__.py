"""The rules, as pure functions over entries: estimates, worst cases, standings, pairs."""
