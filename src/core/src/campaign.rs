//! Campaigns: whom to call next, how often, from which number and when to stop, as functions of what is known and the time.
//!
//! Whether somebody may be called at all is never decided here: [`crate::policy::may_call`] is asked of each contact, in
//! whatever order this comes to. What is decided here only ever takes away from what it allows.
//!
//! | module | what it decides |
//! |---|---|
//! | [`life`] | what may be done with a campaign, and what becomes of it |
//! | [`outcome`] | what came of one attempt, of a closed list |
//! | [`retry`] | whether and when a contact is tried again, and where it stands |
//! | [`plan`] | which campaigns dial now, and how many: fair shares of what is free |
//! | [`pace`] | how many calls begin in a second, and how many go on while a campaign warms up |
//! | [`pool`] | from which number a contact is called |
//! | [`breaker`] | when a campaign goes so badly that it stops by itself |

pub mod breaker;
pub mod life;
pub mod outcome;
pub mod pace;
pub mod plan;
pub mod pool;
pub mod retry;
