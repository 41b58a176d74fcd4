//! The API: the real router, on a real database in a folder of its own.

mod conventions;
mod doorway;
mod hostile;
pub(crate) mod kept;
mod keys;
mod mcp;
mod nouns;
pub(crate) mod rig;
mod strangers;
mod succession;
mod versions;
