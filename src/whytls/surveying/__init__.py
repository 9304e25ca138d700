"""What a live server accepts, judged: whom it lets through, whom it refuses and why, under the causes that a recording would show."""
