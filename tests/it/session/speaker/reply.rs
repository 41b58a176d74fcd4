//! What a vendor of a model that hears and speaks does.

/// What it does when it is asked to answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It says this.
    Says(&'static str),
    /// It says this and ends the call.
    Goodbye(&'static str),
    /// It calls a tool that is not there, and says this.
    Calls(&'static str),
    /// It says this and calls a tool with arguments.
    Uses(&'static str, &'static str, &'static str),
    /// It says this, calls a tool with arguments that it writes so long, ms, and ends the call if so.
    Writes(&'static str, &'static str, &'static str, u64, bool),
    /// It says that it failed.
    Fails,
    /// It refuses the question.
    Refuses,
    /// Nothing, for ever.
    Silence,
    /// So many ms of this, and then nothing.
    Stalls(&'static str, usize),
    /// So many ms of this, and then the socket is cut.
    Cuts(&'static str, usize),
}
