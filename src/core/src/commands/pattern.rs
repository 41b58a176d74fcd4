//! Patterns over words, and the search for one in an utterance.
//!
//! | written | matches |
//! |---|---|
//! | `call` | the word, or (within the allowance) one that is near it |
//! | `(a b\|c)` | one of the sequences |
//! | `[a b\|c]` | one of them or nothing |
//! | `<name>` | a class of the language |
//! | `*` | any one word |
//! | `^` | the start of the utterance or of a sentence |
//! | `$` | the end of a clause |
//!
//! Fillers between words are passed over. No match runs past the end of a sentence.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Forms, Pause, Word, first_class, is_near};

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Node>);

#[derive(Debug)]
enum Node {
    Word(String),
    Any,
    Choice(Vec<Vec<Node>>),
    Maybe(Vec<Vec<Node>>),
    Start,
    End,
}

/// What the search knows of the utterance.
#[derive(Clone)]
pub(super) struct Utterance<'a> {
    pub(super) words: &'a [Word],
    /// Which words carry nothing ("um", "please") and are passed over.
    fillers: Vec<bool>,
    /// Words that begin a new clause, before which `$` holds.
    clause_starts: &'a [String],
    /// Whether words that are merely near count.
    near_allowed: bool,
}

/// Where a search has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    /// Index of the next word.
    at: usize,
    /// Words matched so far, and how many of them were merely near.
    matched: usize,
    near: usize,
}

/// Why a pattern does not compile. Tables are tested, so this is seen by who writes one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("pattern {pattern:?}: {what}")]
pub(crate) struct BadPattern {
    pattern: String,
    what: &'static str,
}

impl Pattern {
    /// Compiles `pattern`; `classes` are alternatives (`a b|c`) by name.
    pub(super) fn new(
        pattern: &str,
        classes: &BTreeMap<String, String>,
    ) -> Result<Self, BadPattern> {
        let bad = |what| BadPattern {
            pattern: pattern.to_owned(),
            what,
        };
        let mut tokens = split(pattern).into_iter();
        let mut all = alternatives(&mut tokens, None, classes, 0).map_err(bad)?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) if !one.is_empty() => Ok(Self(one)),
            _ => Err(bad("not one sequence")),
        }
    }

    /// The longest match that begins at word `from`: the index after its last word.
    pub(super) fn match_at(&self, utterance: &Utterance<'_>, from: usize) -> Option<usize> {
        let first = Reached {
            at: from,
            matched: 0,
            near: 0,
        };
        let reached = utterance.run(&self.0, first, from);
        let fits = reached
            .iter()
            .filter(|r| r.matched > 0 && r.near <= allowance(r.matched));
        fits.map(|r| r.at).max()
    }
}

/// Many patterns, found by the words that they may begin with: an utterance is searched for hundreds, and few begin with
/// any word that is in it.
#[derive(Debug)]
pub(super) struct Patterns {
    all: Vec<Pattern>,
    by_first: BTreeMap<String, Vec<usize>>,
    /// The same by the class of the first letter, which words that are near have in common.
    by_class: BTreeMap<u8, Vec<(String, Vec<usize>)>>,
    /// Those that may begin with any word.
    by_any: Vec<usize>,
}

impl Patterns {
    pub(super) fn new(all: Vec<Pattern>) -> Self {
        let mut by_first: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut by_any = Vec::new();
        for (number, pattern) in all.iter().enumerate() {
            let mut firsts = Firsts::default();
            firsts.add(&pattern.0);
            if firsts.any {
                by_any.push(number);
                continue;
            }
            for word in firsts.words {
                by_first.entry(word.to_owned()).or_default().push(number);
            }
        }
        let mut by_class: BTreeMap<u8, Vec<(String, Vec<usize>)>> = BTreeMap::new();
        for (first, numbers) in &by_first {
            let of_class = by_class.entry(first_class(first)).or_default();
            of_class.push((first.clone(), numbers.clone()));
        }
        Self {
            all,
            by_first,
            by_class,
            by_any,
        }
    }

    /// The longest match of any of them that begins at word `from`: the index after its last word.
    pub(super) fn match_at(&self, utterance: &Utterance<'_>, from: usize) -> Option<usize> {
        // A match begins with the very word at `from`; fillers are passed over between words only.
        let heard = utterance.words.get(from)?.text.as_str();
        let exact = self.by_first.get(heard).into_iter();
        let class = utterance.near_allowed.then(|| first_class(heard));
        let near = class
            .and_then(|class| self.by_class.get(&class))
            .into_iter()
            .flatten()
            .filter(|(first, _)| first != heard && is_near(heard, first));
        exact
            .chain(near.map(|(_, numbers)| numbers))
            .chain([&self.by_any])
            .flatten()
            .filter_map(|number| self.all.get(*number)?.match_at(utterance, from))
            .max()
    }
}

/// The words that a match may begin with.
#[derive(Default)]
struct Firsts<'a> {
    words: BTreeSet<&'a str>,
    any: bool,
}

impl<'a> Firsts<'a> {
    /// Adds those of a sequence. True when the sequence may match without reading a word.
    fn add(&mut self, nodes: &'a [Node]) -> bool {
        nodes.iter().all(|node| match node {
            Node::Word(word) => {
                self.words.insert(word);
                false
            }
            Node::Any => {
                self.any = true;
                false
            }
            Node::Choice(all) => {
                // Every alternative is looked at.
                let may_be_empty = all.iter().filter(|one| self.add(one)).count();
                may_be_empty > 0
            }
            Node::Maybe(all) => {
                for one in all {
                    self.add(one);
                }
                true
            }
            Node::Start | Node::End => true,
        })
    }
}

/// Near words allowed among `matched`.
fn allowance(matched: usize) -> usize {
    match matched {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

impl<'a> Utterance<'a> {
    /// Of which only exact words count.
    pub(super) fn new(words: &'a [Word], forms: &'a Forms) -> Self {
        let is_filler = |word: &Word| forms.fillers.contains(&word.text);
        Self {
            words,
            fillers: words.iter().map(is_filler).collect(),
            clause_starts: &forms.clause_starts,
            near_allowed: false,
        }
    }

    /// The same where words that are merely near count too, if `allowed`.
    pub(super) fn with_near(&self, allowed: bool) -> Self {
        Self {
            near_allowed: allowed,
            ..self.clone()
        }
    }

    pub(super) fn is_filler(&self, at: usize) -> bool {
        self.fillers.get(at).copied().unwrap_or(false)
    }

    /// Moves every place reached over `nodes`. Places are merged, so the work is bounded by
    /// words times nodes.
    fn run(&self, nodes: &[Node], first: Reached, from: usize) -> Vec<Reached> {
        let (mut reached, mut next) = (vec![first], Vec::new());
        for node in nodes {
            next.clear();
            for r in &reached {
                match node {
                    Node::Word(word) => self.read(*r, Some(word), from, &mut next),
                    Node::Any => self.read(*r, None, from, &mut next),
                    Node::Start => {
                        if self.is_start(r.at) {
                            merge(&mut next, *r);
                        }
                    }
                    Node::End => {
                        if self.is_end(r.at) {
                            merge(&mut next, *r);
                        }
                    }
                    Node::Choice(all) | Node::Maybe(all) => {
                        if matches!(node, Node::Maybe(_)) {
                            merge(&mut next, *r);
                        }
                        for one in all {
                            if let [Node::Word(word)] = one.as_slice() {
                                self.read(*r, Some(word), from, &mut next);
                                continue;
                            }
                            for r in self.run(one, *r, from) {
                                merge(&mut next, r);
                            }
                        }
                    }
                }
            }
            std::mem::swap(&mut reached, &mut next);
            if reached.is_empty() {
                break;
            }
        }
        reached
    }

    /// Reads one word at `r`, or after fillers that follow it.
    fn read(&self, r: Reached, word: Option<&String>, from: usize, next: &mut Vec<Reached>) {
        let mut at = r.at;
        while let Some(heard) = self.words.get(at) {
            if at > from && self.words[at - 1].pause == Pause::Full {
                return;
            }
            let near = match word {
                None => Some(0),
                Some(word) if *word == heard.text => Some(0),
                Some(word) if self.near_allowed && is_near(&heard.text, word) => Some(1),
                Some(_) => None,
            };
            if let Some(near) = near {
                merge(
                    next,
                    Reached {
                        at: at + 1,
                        matched: r.matched + 1,
                        near: r.near + near,
                    },
                );
            }
            // A match begins at a word of its own, never at a filler before it.
            if r.matched == 0 || !self.is_filler(at) {
                return;
            }
            at += 1;
        }
    }

    fn is_start(&self, at: usize) -> bool {
        let before = (0..at)
            .rev()
            .find(|i| !self.is_filler(*i) || self.words[*i].pause == Pause::Full);
        before.is_none_or(|i| self.words[i].pause == Pause::Full)
    }

    pub(super) fn is_end(&self, at: usize) -> bool {
        if at > 0
            && self
                .words
                .get(at - 1)
                .is_some_and(|w| w.pause != Pause::None)
        {
            return true;
        }
        let next = (at..self.words.len()).find(|i| !self.is_filler(*i));
        next.is_none_or(|i| self.clause_starts.contains(&self.words[i].text))
    }
}

/// Adds `r` unless a place as good is there.
fn merge(reached: &mut Vec<Reached>, r: Reached) {
    match reached.iter_mut().find(|k| k.at == r.at) {
        Some(k)
            if allowance(k.matched) as isize - k.near as isize
                >= allowance(r.matched) as isize - r.near as isize => {}
        Some(k) => *k = r,
        None => reached.push(r),
    }
}

fn split(pattern: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in pattern.chars() {
        let alone = matches!(c, '(' | ')' | '[' | ']' | '|' | '*' | '^' | '$');
        if (alone || c == ' ') && !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        if alone {
            out.push(c.to_string());
        } else if c != ' ' {
            word.push(c);
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}

/// Reads sequences parted by `|` up to `close`.
fn alternatives(
    tokens: &mut std::vec::IntoIter<String>,
    close: Option<&str>,
    classes: &BTreeMap<String, String>,
    depth: usize,
) -> Result<Vec<Vec<Node>>, &'static str> {
    if depth > 8 {
        return Err("nested too deeply");
    }
    let mut all = vec![Vec::new()];
    loop {
        let Some(token) = tokens.next() else {
            return if close.is_none() {
                Ok(all)
            } else {
                Err("a bracket stays open")
            };
        };
        if Some(token.as_str()) == close {
            return Ok(all);
        }
        let node = match token.as_str() {
            "|" => {
                all.push(Vec::new());
                continue;
            }
            "(" => Node::Choice(alternatives(tokens, Some(")"), classes, depth + 1)?),
            "[" => Node::Maybe(alternatives(tokens, Some("]"), classes, depth + 1)?),
            ")" | "]" => return Err("a bracket closes what was not open"),
            "*" => Node::Any,
            "^" => Node::Start,
            "$" => Node::End,
            name if name.starts_with('<') => {
                let name = name.trim_matches(['<', '>']);
                let body = classes.get(name).ok_or("unknown class")?;
                let mut inner = split(body).into_iter();
                Node::Choice(alternatives(&mut inner, None, classes, depth + 1)?)
            }
            word => Node::Word(word.to_owned()),
        };
        if let Some(last) = all.last_mut() {
            last.push(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn classes() -> BTreeMap<String, String> {
        BTreeMap::from([("who".into(), "me|my mother".into())])
    }

    fn forms() -> Forms {
        Forms {
            fillers: vec!["um".into(), "please".into()],
            clause_starts: vec!["and".into()],
            ..Forms::default()
        }
    }

    fn find(pattern: &str, text: &str) -> Option<(usize, usize)> {
        let p = Pattern::new(pattern, &classes()).unwrap();
        let forms = forms();
        let words = words(text, &forms);
        let u = Utterance::new(&words, &forms).with_near(true);
        (0..words.len()).find_map(|i| p.match_at(&u, i).map(|end| (i, end)))
    }

    #[test]
    fn patterns_match() {
        for (pattern, text, want) in [
            ("call <who>", "do call my mother now", Some((1, 4))),
            ("call <who>", "call um please me", Some((0, 4))),
            ("call <who>", "call. Me", None),
            ("call <who>", "call, me", Some((0, 2))),
            ("call [him|her] now", "call now", Some((0, 2))),
            ("call [him|her] now", "call her now", Some((0, 3))),
            ("call * now", "call anyone now", Some((0, 3))),
            ("^ stop $", "um stop", Some((1, 2))),
            ("^ stop $", "now stop", None),
            ("^ stop $", "No. Stop, now", Some((1, 2))),
            ("^ stop $", "stop now", None),
            ("stop $", "stop and go", Some((0, 1))),
            ("take me off", "take me of", None),
            ("remove my number", "remove my numbers", Some((0, 3))),
            ("remove number", "remove numbers", None),
            ("a [b [c]]", "a b c", Some((0, 3))),
        ] {
            assert_eq!(find(pattern, text), want, "{pattern} in {text}");
        }
    }

    #[test]
    fn many_patterns_match_what_each_of_them_does() {
        let patterns = [
            "call <who>",
            "^ [do] not [ever] call",
            "[um] $ stop",
            "* off",
            "(a|the|) number",
            "[^] [please] remove [my] numbers",
            "^ $",
        ];
        let compiled = || {
            let one = |p: &&str| Pattern::new(p, &classes()).unwrap();
            patterns.iter().map(one).collect::<Vec<_>>()
        };
        let (each, all) = (compiled(), Patterns::new(compiled()));
        for text in [
            "do not call my mother, um, please stop. Switch it off now",
            "never call me. Remove number",
            "please remoove my number, the number",
            "collect calls? kall me, off off",
            "",
        ] {
            let forms = forms();
            let words = words(text, &forms);
            for near_allowed in [false, true] {
                let u = Utterance::new(&words, &forms).with_near(near_allowed);
                for at in 0..=words.len() {
                    let longest = each.iter().filter_map(|p| p.match_at(&u, at)).max();
                    assert_eq!(all.match_at(&u, at), longest, "word {at} of {text}");
                }
            }
        }
    }

    #[test]
    fn bad_patterns_are_named() {
        for (pattern, what) in [
            ("(a", "a bracket stays open"),
            ("a)", "a bracket closes what was not open"),
            ("<nobody>", "unknown class"),
            ("", "not one sequence"),
            ("a|b", "not one sequence"),
        ] {
            assert_eq!(
                Pattern::new(pattern, &classes()).unwrap_err().what,
                what,
                "{pattern}"
            );
        }
    }
}
