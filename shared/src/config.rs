//! The settings: one struct a concern, read from the environment and nowhere else.
