//! What whole calls leave behind: the real router, session, journal, vault and database, on scripted stages, over memory
//! and a paused clock. The language of the stand-ins is readable in recordings, so that a recording proves its words.

mod after;
mod channels;
mod consent;
mod control;
mod disk;
mod opt_out;
mod realtime;
mod reception;
mod rig;
mod secrets;
mod withdrawal;
