//! The shell of a call, from the doorway to the goodbye: the real router and session on scripted stages, over memory and
//! a paused clock. Only the language model is spoken to over a loopback socket.

mod barge_in;
mod chat;
mod conversation;
mod crowd;
mod drain;
mod effects;
mod failover;
mod false_stops;
mod goodbyes;
mod held;
mod hostile;
mod keys;
pub(crate) mod logs;
#[cfg(feature = "mcp")]
mod mcp;
#[cfg(feature = "mcp")]
pub(crate) mod mcp_server;
mod memory;
mod messages;
pub(crate) mod model;
mod pieces;
pub(crate) mod raw;
mod realtime;
mod rests;
pub(crate) mod rig;
mod silence;
pub(crate) mod speaker;
mod speaker_tools;
mod stages;
pub(crate) mod stand_in;
pub(crate) mod tongue;
pub(crate) mod tool_server;
mod tools;
pub(crate) mod two_answers;
mod word_times;
