//! Who may be called, and calls that are placed: by HTTP, against a carrier that does as it is told.

mod callbacks;
mod complaints;
mod full;
mod grounds;
mod hooks;
mod lost;
mod often;
mod placing;
mod preferences;
mod registers;
mod rig;
mod rules;
mod spending;
mod standing;
mod verdicts;
mod versions;
mod waiting;
