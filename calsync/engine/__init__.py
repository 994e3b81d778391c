"""The verbs: observe, plan, guard, apply, record; over ports alone."""
