//! The pure heart of Trunkline.
//!
//! Everything here is a function of what it is given: no clock, no I/O, no async. Its `Cargo.toml` holds none of the
//! crates that could do otherwise, so the compiler keeps it that way.
//!
//! | module | what it is |
//! |---|---|
//! | [`call`] | the conversation: facts go in with the time, actions come out |
//! | [`amd`] | who answered a call that was placed: a person, a machine, a menu, a fax |
//! | [`after`] | what a model is asked about a call that is over, and its answer read |
//! | [`analytics`] | calls counted: how many, how they went, how quickly, what they cost |
//! | [`cost`] | what a call used of whom, and what that cost |
//! | [`commands`] | what a caller may ask for at any moment, and no mind can veto |
//! | [`language`] | the sentences of a language, and what people and machines say in it |
//! | [`guard`] | the agent never denies being an AI, whatever its mind says |
//! | [`flow`] | scripted conversations: a mind without a model |
//! | [`clause`] | a model's stream of text, cut into clauses to be spoken |
//! | [`admission`] | whether one more call is taken on, by what the server measures of itself |
//! | [`failover`] | who takes over from a provider that fails, and when it is left alone |
//! | [`wire`] | codecs of carriers and providers: bytes in, events out, and back |
//! | [`consent`] | what may be stored of a call, by whose rule, and the gate that holds it |
//! | [`journal`] | what a call leaves behind: entries, and the sealed file that holds them |
//! | [`record`] | a call's sound and notes in, entries out: only what may be kept |
//! | [`transcript`] | what was said, for people and programs to read |
//! | [`redact`] | numbers of payment cards, taken out of what was said |
//! | [`secret`] | digits that nobody may see but those they are for |
//! | [`geo`] | where a number is: country, places, time zones |
//! | [`knowledge`] | documents in passages, and the passages that answer a question |
//! | [`policy`] | whether a number may be called now |
//! | [`callback`] | when somebody wants to be called back |
//! | [`campaign`] | whom a campaign calls next, how often, and when it stops |
//! | [`event`], [`webhook`] | what clients are told of, who wants which, and when it is tried again |
//! | [`versions`] | which version of an agent holds a call, and what differs between two |
//! | [`rehearsal`] | a call without sound: the clock goes as it is told, words stand for audio |
//! | [`token`] | the signed ticket that ends every media URL |
//! | [`wer`] | how much of a script a recogniser got wrong |
//! | [`times`] | when the words of a text are said |
//! | [`phone`], [`time`] | numbers and moments |

pub mod admission;
pub mod after;
pub mod amd;
pub mod analytics;
pub mod call;
pub mod callback;
pub mod campaign;
pub mod clause;
pub mod commands;
pub mod consent;
pub mod contact;
pub mod cost;
pub mod event;
pub mod failover;
pub mod flow;
pub mod geo;
pub mod guard;
pub mod journal;
pub mod knowledge;
pub mod language;
mod numerals;
pub mod opt_outs;
mod pack;
pub mod phone;
pub mod policy;
pub mod ratios;
pub mod record;
pub mod redact;
pub mod register;
pub mod rehearsal;
pub mod screening;
pub mod secret;
pub mod sheet;
pub mod spend;
pub mod time;
pub mod times;
pub mod token;
pub mod transcript;
pub mod versions;
pub mod webhook;
pub mod wer;
pub mod wire;

#[cfg(test)]
mod seeded;
