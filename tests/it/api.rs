//! The API: the real router, over memory, on a real database in a folder of its own.

mod doorway;
