//! Who may be called: hand-written cases, and an oracle that knows the rules by another way.

mod cases;
mod known;
mod oracle;
