"""WSJ0 sets: `mixture_lists`, `levels`, `rooms` and `enrollments`."""
