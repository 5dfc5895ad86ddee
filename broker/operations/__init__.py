"""Operations: one act on all tasks that fit, counted first, done in steps that any process may go on with."""
